"""The ingest API: what a shop posts is stored once, and ends where it belongs; whatever else it posts is refused."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import func, select, text
from starlette.testclient import TestClient

from cxsdk import CX, Secret
from cxsdk.domain.clock import ManualClock
from cxsdk.store import tokens
from cxsdk.store.tables import cases, decisions, inbox, invitations, responses
from cxsdk.testing.inline import Installation
from cxsdk.web import public_app
from cxsdk_localcrm import LocalCRM
from cxsdk_telegram import Telegram
from tests.installing import installed

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ANN = {"phone": "+12125550123", "name": "Ann"}
LETTER = {"at": "2026-03-02T12:00:00Z", "kind": "email", "direction": "inbound", "customer": ANN, "text": "hello"}
PURCHASE = {"at": "2026-03-02T12:00:00Z", "kind": "purchase", "customer": ANN, "order": "A-1"}
POSTS = {
    "interactions": LETTER,
    "events": PURCHASE,
    "messages": {"customer": ANN, "text": "hello"},
    "opt-outs": {"customer": ANN},
}


class Shop:
    """A shop with a token, and the installation that it tells."""

    def __init__(self, installation: Installation, crm: LocalCRM, web: TestClient) -> None:
        self.installation = installation
        self.runtime = installation.runtime
        self.crm = crm
        self.web = web
        self.token = self.new_token("shop")

    def new_token(self, name: str) -> str:
        with self.runtime.store.write() as tx:
            return tokens.create(self.runtime.store, tx, name) or ""

    def post(self, what: str, body: Any, *, key: str | None = None, **headers: str) -> httpx2.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"} | headers
        headers |= {"Idempotency-Key": key} if key is not None else {}
        return self.web.post(f"/api/v1/{what}", content=content, headers=headers)

    def get(self, path: str, **query: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.web.get(f"/api/v1/customers/{path}", params=query, headers=headers)

    def items(self) -> int:
        """How many items are stored; the records of requests' keys are none."""
        with self.runtime.store.read() as tx:
            mine = select(func.count()).select_from(inbox).where(inbox.c.account == "api")
            return tx.scalar(mine.where(inbox.c.event_key.not_like("request:%"))) or 0

    def entries(self) -> list[dict[str, Any]]:
        self.installation.settle()
        return list(self.crm.entries())

    def run(self, statement: str) -> None:
        with self.runtime.store.write() as tx:
            tx.execute(text(statement))

    def add(self, table: Any, **values: Any) -> None:
        with self.runtime.store.write() as tx:
            tx.execute(table.insert().values(**values))


def shop_on(database: str, tmp_path: Path, stack: ExitStack) -> Shop:
    crm = LocalCRM(database=str(tmp_path / "crm.db"))
    bot = Telegram(token=Secret("1:sample"), webhook_secret=Secret("sample"))
    cx = CX(crm=crm, channels=[bot], database=database)
    installation = stack.enter_context(installed(cx, clock=ManualClock(NOON)))
    return Shop(installation, crm, stack.enter_context(TestClient(public_app(installation.opened))))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with ExitStack() as stack:
        yield shop_on(f"sqlite:///{tmp_path}/cx.db", tmp_path, stack)


@pytest.fixture(scope="module")
def busy_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop for the tests that leave nothing behind, or do not mind what others left."""
    tmp_path = tmp_path_factory.mktemp("busy")
    with ExitStack() as stack:
        yield shop_on(f"sqlite:///{tmp_path}/cx.db", tmp_path, stack)


# -- what is posted


def test_a_contact_is_accepted_and_logged_once_on_its_person(shop: Shop) -> None:
    answer = shop.post("interactions", LETTER)
    assert answer.status_code == 202
    [entry] = shop.entries()
    [person] = shop.crm.people()
    assert (entry["person_id"], entry["text"], entry["kind"]) == (person["id"], "hello", "email")
    assert answer.json() == {"accepted": 1, "ids": [shop.get("phone:+12125550123/timeline").json()["entries"][0]["id"]]}


def test_an_array_is_stored_whole_and_answered_in_its_order(shop: Shop) -> None:
    letters = [LETTER | {"id": str(number), "text": f"letter {number}"} for number in range(500)]
    answer = shop.post("interactions", letters).json()
    assert (answer["accepted"], len(set(answer["ids"])), shop.items()) == (500, 500, 500)
    alone = shop.post("interactions", letters[7]).json()
    assert alone["ids"] == [answer["ids"][7]]
    assert len(shop.entries()) == 500


def test_a_name_and_a_language_are_kept_where_none_was_known(shop: Shop) -> None:
    def told() -> tuple[str, str | None]:
        shop.installation.settle()
        customer = shop.get("phone:+12125550123/timeline").json()["customer"]
        return customer["name"], customer["language"]

    stranger = LETTER | {"customer": {"phone": "+12125550123"}}
    shop.post("interactions", stranger)
    assert told() == ("", None)
    shop.post("interactions", LETTER | {"customer": {**ANN, "language": "uk"}, "text": "It is me"})
    assert told() == ("Ann", "uk")
    shop.post("interactions", LETTER | {"customer": {**ANN, "name": "Bob", "language": "ru"}, "text": "No, me"})
    assert told() == ("Ann", "uk")


def test_pieces_of_one_call_are_one_entry_under_one_id(shop: Shop) -> None:
    call = LETTER | {"kind": "call", "interaction": "call-1"}
    ids = [
        shop.post("interactions", call | more).json()["ids"][0]
        for more in ({"id": "2", "state": "missed", "at": "2026-03-02T12:01:00Z"}, {"id": "1", "state": "ringing"})
    ]
    [entry] = shop.entries()
    assert len(set(ids)) == 1
    assert entry["state"] == "missed"


@pytest.mark.parametrize("what", POSTS)
def test_the_same_item_again_is_the_same_answer_and_nothing_new(shop: Shop, what: str) -> None:
    item = POSTS[what] | {"id": "1"}
    answers = [shop.post(what, body).json() for body in (item, item, [item], dict(reversed(item.items())))]
    assert len({json.dumps(answer) for answer in answers}) == 1
    assert shop.items() == 1


@pytest.mark.parametrize("what", POSTS)
def test_an_item_without_an_id_is_known_by_what_it_says(shop: Shop, what: str) -> None:
    ids = [shop.post(what, POSTS[what]).json()["ids"] for _ in range(3)]
    assert ids[0] == ids[1] == ids[2]
    assert shop.items() == 1
    shop.post(what, POSTS[what] | {"at": "2026-03-02T11:00:00Z"})
    assert shop.items() == 2


def test_the_same_id_for_another_item_is_refused_and_the_first_one_stays(shop: Shop) -> None:
    shop.post("events", PURCHASE | {"id": "1"})
    answer = shop.post("events", PURCHASE | {"id": "1", "order": "A-2"})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
        422, "idempotency_conflict", "body.id",
    )  # fmt: skip
    assert shop.items() == 1
    assert shop.post("interactions", LETTER | {"id": "1"}).status_code == 202  # ids are unique within their type


def test_nothing_of_an_array_is_stored_where_one_of_it_conflicts(shop: Shop) -> None:
    shop.post("events", PURCHASE | {"id": "1"})
    others = [PURCHASE | {"id": "2"}, PURCHASE | {"id": "1", "order": "A-2"}]
    answer = shop.post("events", others)
    assert (answer.status_code, answer.json()["field"]) == (422, "body.1.id")
    twins = [PURCHASE | {"id": "3"}, PURCHASE | {"id": "3", "order": "A-2"}]
    assert shop.post("events", twins).status_code == 422
    assert shop.items() == 1


def test_nothing_of_an_array_is_stored_where_one_of_it_is_malformed(shop: Shop) -> None:
    answer = shop.post("events", [PURCHASE, PURCHASE | {"customer": {"phone": "12"}}])
    assert (answer.status_code, answer.json()["field"]) == (422, "body.1.customer.phone")
    assert shop.items() == 0


# -- Idempotency-Key


@pytest.mark.parametrize("body", [PURCHASE, [PURCHASE], [PURCHASE, PURCHASE | {"order": "A-2"}]])
def test_the_same_request_under_its_key_is_the_same_answer(shop: Shop, body: Any) -> None:
    answers = [shop.post("events", body, key=key) for key in ("mine", '"mine"', "mine")]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert len({answer.text for answer in answers}) == 1
    assert shop.items() == (len(body) if isinstance(body, list) else 1)


@pytest.mark.parametrize("other", [PURCHASE | {"order": "A-2"}, [PURCHASE, PURCHASE | {"order": "A-2"}]])
def test_another_request_under_the_same_key_is_refused_and_leaves_nothing(shop: Shop, other: Any) -> None:
    shop.post("events", PURCHASE, key="mine")
    answer = shop.post("events", other, key="mine").json()
    assert (answer["status"], answer["code"], answer["field"]) == (
        422, "idempotency_conflict", "header.Idempotency-Key",
    )  # fmt: skip
    assert shop.items() == 1


def test_the_same_words_under_two_keys_are_two_items(shop: Shop) -> None:
    ids = [shop.post("messages", POSTS["messages"], key=key).json()["ids"][0] for key in ("one", "two")]
    assert len(set(ids)) == shop.items() == 2


@pytest.mark.parametrize("key", ["", '""', "x" * 256])
def test_a_key_that_is_empty_or_too_long_is_refused(shop: Shop, key: str) -> None:
    answer = shop.post("events", PURCHASE, key=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_invalid")
    assert shop.items() == 0


def race(shop: Shop) -> tuple[list[int], int]:
    """Eight different requests under one key at the same moment: their statuses, and how many items are stored."""
    bodies = [[PURCHASE | {"id": f"{number}-{n}"} for n in range(3)] for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda body: shop.post("events", body, key="mine").status_code, bodies))
    return sorted(statuses), shop.items()


def test_of_many_requests_under_one_key_at_once_one_is_stored_whole(shop: Shop) -> None:
    assert race(shop) == ([202] + [422] * 7, 3)


# -- tokens


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "token_missing"),
        ("", "token_missing"),
        ("Bearer", "token_missing"),
        ("Basic YTpi", "token_missing"),
        ("Bearer cxsdk_guess", "token_invalid"),
        ("Bearer \xe9", "token_invalid"),
    ],
)
@pytest.mark.parametrize("path", ["interactions", "customers/1/timeline", "nowhere"])
def test_who_brings_no_valid_token_is_refused(busy_shop: Shop, path: str, header: str | None, code: str) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    before = busy_shop.items()
    answer = busy_shop.web.post(f"/api/v1/{path}", json=LETTER, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith('Bearer realm="cxsdk"')
    assert busy_shop.items() == before


def test_a_revoked_token_works_for_five_seconds_at_most(shop: Shop) -> None:
    assert shop.post("events", PURCHASE).status_code == 202
    with shop.runtime.store.write() as tx:
        assert tokens.revoke(shop.runtime.store, tx, "shop")
        assert not tokens.revoke(shop.runtime.store, tx, "shop")
    shop.runtime.clock.advance(timedelta(seconds=5))
    assert shop.post("events", PURCHASE).status_code == 401


def test_a_new_token_works_after_a_second_at_most(shop: Shop) -> None:
    assert shop.post("events", PURCHASE).status_code == 202
    shop.token = shop.new_token("warehouse")
    shop.runtime.clock.advance(timedelta(seconds=1))
    assert shop.post("events", PURCHASE).status_code == 202


def test_the_database_is_not_asked_for_each_request(shop: Shop) -> None:
    shop.post("events", PURCHASE)
    shop.run("DROP TABLE tokens")
    assert shop.post("events", PURCHASE).status_code == 202
    shop.runtime.clock.advance(timedelta(seconds=5))
    answer = shop.post("events", PURCHASE)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")


def test_only_a_tokens_hash_is_kept(shop: Shop) -> None:
    with shop.runtime.store.read() as tx:
        assert shop.token not in str(tx.execute(text("SELECT * FROM tokens")).all())
    assert shop.token.startswith("cxsdk_")


# -- what is refused


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"7",
        b'"text"',
        b"\xff\xfe{}",
        json.dumps(PURCHASE).encode("utf-16"),
        json.dumps(PURCHASE).replace('"A-1"', "NaN").encode(),
        b'{"at": ' + b"[" * 100_000,
        b"[" * 200_000,
        b"[" * 600 + b'"\\u0041"' + b"]" * 600,
        b'{"id": "\xed\xa0\x80"}',
        b'{"\xed\xa0\x80": 1}',
        b'{"\\ud800": 1}',
    ],
)
def test_bytes_that_are_no_item_are_refused_with_the_reason(busy_shop: Shop, body: bytes) -> None:
    answer = busy_shop.post("events", body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in ("json_invalid", "field_invalid", "field_missing")
    assert answer.json()["field"].startswith("body")


def test_no_items_and_too_many_items_are_refused(busy_shop: Shop) -> None:
    for body in ([], [PURCHASE] * 501):
        assert busy_shop.post("events", body).json()["code"] == "items_count"


def test_a_field_that_does_not_exist_is_named(busy_shop: Shop) -> None:
    answer = busy_shop.post("events", PURCHASE | {"colour": "red"}).json()
    assert (answer["code"], answer["field"]) == ("field_unknown", "body.colour")


def test_a_body_that_is_too_large_is_refused(shop: Shop) -> None:
    answer = shop.post("events", b" " * 1_048_577)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert shop.post("events", json.dumps(PURCHASE).encode().ljust(1_048_576)).status_code == 202


@pytest.mark.parametrize("kind", ["text/plain", "", "application/json; charset=windows-1251", "application/jsonp"])
def test_a_body_of_another_kind_is_refused(busy_shop: Shop, kind: str) -> None:
    answer = busy_shop.post("events", PURCHASE, **{"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "content_type_unsupported")
    assert (
        busy_shop.post("events", PURCHASE, **{"Content-Type": 'Application/JSON; charset="UTF-8"'}).status_code == 202
    )


def test_a_nul_and_half_an_emoji_are_mended_and_stored(shop: Shop) -> None:
    body = json.dumps(LETTER).replace("hello", "a\\u0000b\\ud83d").encode()
    assert shop.post("interactions", body).status_code == 202
    [entry] = shop.entries()
    assert entry["text"] == "ab\ufffd"


def test_a_channel_that_cannot_send_is_refused_with_the_names_of_those_that_can(shop: Shop) -> None:
    answer = shop.post("messages", POSTS["messages"] | {"channel": "pigeon"}).json()
    assert (answer["code"], answer["field"]) == ("channel_unknown", "body.channel")
    assert "telegram" in answer["detail"]
    message = {"customer": {"telegram": 42}, "text": "hello", "channel": "telegram"}
    assert shop.post("messages", message).status_code == 202


@pytest.mark.parametrize("body", [PURCHASE, [PURCHASE, PURCHASE]])
def test_a_database_that_does_not_answer_is_told_with_a_time_to_come_back(shop: Shop, body: Any) -> None:
    shop.post("events", LETTER)
    shop.run("DROP TABLE inbox")
    answer = shop.post("events", body)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_unknown_paths_and_methods_are_problems_too(busy_shop: Shop) -> None:
    headers = {"Authorization": f"Bearer {busy_shop.token}"}
    assert busy_shop.web.get("/api/v1/nowhere", headers=headers).json()["code"] == "path_unknown"
    answer = busy_shop.web.put("/api/v1/events", headers=headers)
    assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (405, "method_unsupported", "POST")


# -- what is told of a customer


def remember(shop: Shop) -> str:
    """A customer with one entry of each sort; their id."""
    shop.post("interactions", LETTER)
    shop.post("events", PURCHASE | {"at": "2026-03-01T12:00:00Z", "amount": "19.99", "currency": "USD"})
    shop.installation.settle()
    id = shop.get("phone:+12125550123/timeline").json()["customer"]["id"]
    later = NOON + timedelta(days=1)
    shop.add(
        invitations,
        id="i1", token="t1", kind="loyalty", survey="loyalty", version=1, customer_id=id, trigger_id="e1",
        state="answered", not_before=NOON, not_after=later, sent_at=later,
    )  # fmt: skip
    shop.add(
        responses,
        invitation_id="i1", customer_id=id, survey="loyalty", scale="nps", score=3, answers={"nps": 3}, parts=[],
        at=later, revision=1, case_id="c1",
    )  # fmt: skip
    shop.add(cases, id="c1", customer_id=id, state="open", opened_at=later, round=1)
    shop.add(
        decisions,
        customer_id=id, subject="invitation", subject_id="i1", rule="budget", verdict="hold", reason="too_soon",
        text="Asked lately.", until=later, at=later,
    )  # fmt: skip
    return id


def test_a_timeline_has_everything_newest_first(shop: Shop) -> None:
    id = remember(shop)
    told = shop.get(f"{id}/timeline").json()
    assert [entry["type"] for entry in told["entries"]] == ["response", "invitation", "case", "contact", "event"]
    assert told["customer"]["name"] == "Ann"
    response, invitation, case, contact, event = told["entries"]
    assert (response["score"], response["answers"], response["invitation_id"]) == (3, {"nps": 3}, invitation["id"])
    assert (invitation["state"], case["state"], contact["text"]) == ("answered", "open", "hello")
    assert (event["order"], event["amount"], event["at"]) == ("A-1", "19.99", "2026-03-01T12:00:00Z")


@pytest.mark.parametrize("limit", [1, 2, 4, 5])
def test_pages_of_a_timeline_leave_nothing_out_and_repeat_nothing(shop: Shop, limit: int) -> None:
    id = remember(shop)
    whole = shop.get(f"{id}/timeline").json()["entries"]
    paged: list[Any] = []
    before: dict[str, str] = {}
    while before is not None:
        page = shop.get(f"{id}/timeline", limit=limit, **before).json()
        paged += page["entries"]
        before = {"before": page["next"]} if page["next"] else None
    assert paged == whole


def test_a_timeline_can_be_asked_for_before_a_moment(shop: Shop) -> None:
    id = remember(shop)
    entries = shop.get(f"{id}/timeline", before="2026-03-02T12:00:00Z").json()["entries"]
    assert [entry["type"] for entry in entries] == ["event"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"before": "yesterday"}, "query.before"),
        ({"before": "2026-03-02T12:00:00"}, "query.before"),
        ({"limit": 0}, "query.limit"),
        ({"limit": "many"}, "query.limit"),
    ],
)
def test_a_page_that_cannot_be_is_refused(busy_shop: Shop, query: dict[str, Any], field: str) -> None:
    answer = busy_shop.get("1/timeline", **query)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_decisions_are_told_with_their_reasons(shop: Shop) -> None:
    [*_, held] = shop.get(f"{remember(shop)}/decisions").json()["decisions"]
    assert (held["rule"], held["verdict"], held["reason"], held["text"]) == (
        "budget", "hold", "too_soon", "Asked lately.",
    )  # fmt: skip


@pytest.mark.parametrize("who", ["nobody", "phone:+12125550199", "a@example.com", "%00", "%ED%A0%80", "a%20b", "'"])
@pytest.mark.parametrize("what", ["timeline", "decisions"])
def test_a_customer_whom_nobody_knows_is_not_found(busy_shop: Shop, who: str, what: str) -> None:
    answer = busy_shop.get(f"{who}/{what}")
    assert (answer.status_code, answer.json()["code"]) == (404, "customer_unknown")


# -- on PostgreSQL, what the database decides


def test_on_postgresql_too(postgres_url: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        shop = shop_on(postgres_url, tmp_path, stack)
        assert race(shop) == ([202] + [422] * 7, 3)
        id = remember(shop)
        whole = shop.get(f"{id}/timeline").json()["entries"]
        first = shop.get(f"{id}/timeline", limit=2).json()
        rest = shop.get(f"{id}/timeline", before=first["next"]).json()
        assert first["entries"] + rest["entries"] == whole
        assert shop.get("%00/timeline").status_code == 404


# -- never a 5xx from bytes alone


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    what=st.sampled_from(sorted(POSTS)),
    body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
    key=st.none() | st.binary(max_size=20),
)
def test_no_bytes_bring_the_api_down(busy_shop: Shop, what: str, body: bytes, key: bytes | None) -> None:
    headers: dict[str, Any] = {"Authorization": f"Bearer {busy_shop.token}", "Content-Type": "application/json"}
    headers |= {"Idempotency-Key": key.replace(b"\n", b"").replace(b"\r", b"")} if key is not None else {}
    answer = busy_shop.web.post(f"/api/v1/{what}", content=body, headers=headers)
    assert answer.status_code in (202, 422)
    assert answer.status_code == 202 or answer.json()["code"]


@pytest.fixture(scope="module")
def document(busy_shop: Shop) -> Any:
    async def started(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":  # the application has begun its life already
            while (await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await busy_shop.web.app(scope, receive, send)

    told = busy_shop.web.get("/openapi.json").json()
    text = told["components"]["schemas"]["MessageItem"]["properties"]["text"]
    assert text["pattern"]
    text["maxLength"] = 100  # of a pattern for 60,000 characters, each example would take half a second
    found = schemathesis.openapi.from_dict(told)
    found.app = started
    return found


CONFORMS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", what) for what in POSTS),
        ("GET", "customers/{id}/timeline"),
        ("GET", "customers/{id}/decisions"),
    ],
)
def test_the_api_answers_as_its_document_says(
    busy_shop: Shop, document: Any, method: str, path: str, mode: GenerationMode
) -> None:
    headers = {"Authorization": f"Bearer {busy_shop.token}"}

    @settings(max_examples=20, suppress_health_check=list(HealthCheck))
    @given(case=document[f"/api/v1/{path}"][method].as_strategy(generation_mode=mode))
    def answers(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CONFORMS, headers=headers)

    answers()


# -- documentation


def test_the_document_names_every_route_and_where_each_object_is_described(busy_shop: Shop) -> None:
    document = busy_shop.web.get("/openapi.json").json()
    assert set(document["paths"]) == {
        *(f"/api/v1/{what}" for what in POSTS),
        "/api/v1/customers/{id}/timeline",
        "/api/v1/customers/{id}/decisions",
    }
    schemas = document["components"]["schemas"]
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert named <= set(schemas)
    assert all("description" in field for field in schemas["EventItem"]["properties"].values())


def test_the_page_for_people_loads_nothing_and_links_to_what_is_there(busy_shop: Shop) -> None:
    answer = busy_shop.web.get("/docs")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"<script|src=|https?://(?!cx\.example)", answer.text)
    links = set(re.findall(r'href="#(\w+)"', answer.text))
    assert links <= set(re.findall(r'id="(\w+)"', answer.text))
    assert "POST /api/v1/interactions" in answer.text


GUIDE = Path(__file__).parents[2] / "docs" / "api.md"


def curls() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return [block for block in blocks if block.startswith("curl")]


def test_the_examples_of_the_guide_work_in_their_order(shop: Shop) -> None:
    assert len(curls()) >= 6
    for example in curls():
        answer = run_curl(shop, example)
        assert answer.status_code in (200, 202), (example, answer.text)
        shop.installation.settle()
    assert [task["title"] for task in shop.crm.tasks()] == ["Call back within 5 minutes: missed call from +12125550123"]


def test_the_guide_shows_no_moment_that_grows_old() -> None:
    assert [example for example in curls() if re.search(r'"at": "20\d\d', example)] == []


def run_curl(shop: Shop, example: str) -> httpx2.Response:
    """Does what curl would do."""
    today = f"{shop.runtime.clock.now():%FT%TZ}"
    example = example.replace("\\\n", " ").replace("$CXSDK_TOKEN", shop.token).replace("'$(date -u +%FT%TZ)'", today)
    words = shlex.split(example)
    method, url, headers, body = "GET", "", {}, None
    arguments = iter(words[1:])
    for word in arguments:
        match word:
            case "-H":
                name, _, value = next(arguments).partition(": ")
                headers[name] = value
            case "-d":
                method, body = "POST", next(arguments)
            case _:
                url = word
    assert url.startswith("https://cx.example.com/"), example
    path = url.removeprefix("https://cx.example.com")
    return shop.web.request(method, path, headers=headers, content=body.encode() if body else None)


def test_the_guide_names_every_code_that_the_api_answers_with() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    root = GUIDE.parents[1] / "cxsdk"
    files = [*root.glob("web/api*.py"), *(root / "web" / f"{name}.py" for name in ("bearer", "problems"))]
    files += root.glob("webhooks/item*.py")
    wanted = {code for file in files for code in re.findall(r'code="(\w+)"', file.read_text(encoding="utf-8"))}
    from cxsdk.webhooks import items

    wanted |= items._OWN | {code for code, _ in items._CURES.values()} | {"token_missing", "token_invalid"}
    assert {code for code in wanted if f"`{code}`" not in guide} == set()


# -- the command


def test_tokens_are_made_listed_and_revoked_by_command(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from cxsdk.cli.group import cli
    from cxsdk.errors import ConfigurationError

    app = tmp_path / "sample_shop.py"
    app.write_text(
        "from cxsdk import CX\nfrom cxsdk_localcrm import LocalCRM\n"
        f"cx = CX(crm=LocalCRM(database={str(tmp_path / 'crm.db')!r}), database='sqlite:///{tmp_path}/cx.db')\n"
    )

    def run(*words: str) -> Any:
        return CliRunner().invoke(cli, ["token", *words, str(app)])

    token = run("create", "shop").stdout.strip()
    assert re.fullmatch(r"cxsdk_[\w-]{43}", token)
    assert re.search(r"shop +created .* valid", run("list").stdout)
    taken = run("create", "shop").exception
    assert isinstance(taken, ConfigurationError)
    assert taken.code == "token_name_taken"
    assert run("revoke", "shop").exit_code == 0
    assert re.search(r"shop .* revoked", run("list").stdout)
    assert run("revoke", "shop").exception.code == "token_unknown"
    assert run("create", "No such name!").exception.code == "token_name_invalid"
    assert token not in run("list").stdout
