"""What comes in malformed is refused with its field, or set aside with the reason; it stops nothing else."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from cxsdk import CX, Loyalty, Secret
from cxsdk.domain.clock import ManualClock
from cxsdk.store import tokens
from cxsdk.store.tables import customers, inbox, invitations, outbox
from cxsdk.testing.inline import Installation
from cxsdk.web import api, health, public_app
from cxsdk_hostedsurvey import HostedSurvey
from cxsdk_localcrm import LocalCRM
from cxsdk_telegram import Telegram
from cxsdk_telephony import Telephony
from tests.acceptance.databases import BOTH
from tests.acceptance.pbx import SECRET, signed
from tests.installing import installed

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
#: How reasons begin that no sender could do anything about.
DEFECTS = ("The plugin failed", "It could not be folded")


class Office:
    """A company on whose doors everybody knocks: its phone system, its messenger, its customers and its shop."""

    def __init__(self, installation: Installation, crm: LocalCRM, web: TestClient) -> None:
        self.installation = installation
        self.runtime = installation.runtime
        self.crm = crm
        self.web = web
        self.link = self._invite()
        with self.runtime.store.write() as tx:
            self.token = tokens.create(self.runtime.store, tx, "shop") or ""

    def _invite(self) -> str:
        later = NOON + timedelta(days=30)
        person = {"id": "ann", "created_at": NOON}
        about = {"id": "i1", "token": "t1", "kind": "loyalty", "survey": "loyalty", "version": 1, "customer_id": "ann"}
        about |= {"trigger_id": "e1", "state": "sent", "provider": "hostedsurvey"}
        times = {"not_before": NOON, "not_after": later, "expires_at": later, "sent_at": NOON}
        with self.runtime.store.write() as tx:
            tx.execute(customers.insert().values(**person))
            tx.execute(invitations.insert().values(**about, **times))
        return f"/s/{self.runtime.signer.sign('t1', later)}"

    def calls(self, body: bytes) -> httpx2.Response:
        """The phone system posts this, signed."""
        return self.web.post("/webhooks/pbx", content=body, headers=signed(body, NOON))

    def updates(self, body: bytes) -> httpx2.Response:
        """Telegram posts this, with its secret."""
        headers = {"X-Telegram-Bot-Api-Secret-Token": "sample"}
        return self.web.post("/webhooks/telegram", content=body, headers=headers)

    def answers(self, form: bytes) -> httpx2.Response:
        """A customer sends this from the survey page."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.web.post(self.link, content=form, headers=headers, follow_redirects=False)

    def tells(self, what: str, body: bytes) -> httpx2.Response:
        """A shop tells this."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return self.web.post(f"/api/v1/{what}", content=body, headers=headers)

    def records(self) -> dict[bytes, str]:
        """What stands in the inbox, by its body, once all is done: why it was set aside, or "" where it was not."""
        self.installation.settle()
        with self.runtime.store.read() as tx:
            rows = list(tx.execute(inbox.select()))
            out = [(row.kind, row.state, row.reason) for row in tx.execute(outbox.select())]
        assert {row.state for row in rows} <= {"done", "dead"}
        assert [row for row in out if row[1] != "done"] == []
        return {bytes(row.body): row.reason if row.state == "dead" else "" for row in rows}


@pytest.fixture(params=BOTH)
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    crm = LocalCRM(database=str(tmp_path / "crm.db"), durable=False)
    cx = CX(
        crm=crm,
        channels=[
            Telephony(name="pbx", secret=Secret(SECRET)),
            Telegram(token=Secret("1:sample"), webhook_secret=Secret("sample")),
        ],
        survey_providers=[HostedSurvey()],
        surveys=[Loyalty(between=("14d", "28d"))],
        database=request.param(request),
    )
    with ExitStack() as stack:
        installation = stack.enter_context(installed(cx, clock=ManualClock(NOON)))
        web = stack.enter_context(TestClient(public_app(installation.opened)))
        yield Office(installation, crm, web)


numbers = itertools.count()


def call(**fields: Any) -> dict[str, Any]:
    """A missed call of its own, with these fields."""
    usual = {"event_id": "1", "call_id": f"c{next(numbers)}", "type": "missed", "at": NOON.isoformat()}
    return usual | {"direction": "inbound", "from": "+12125550123", "to": "+12125550100"} | fields


def letter(**fields: Any) -> dict[str, Any]:
    """A contact that a shop tells of, with these fields."""
    usual = {"id": f"l{next(numbers)}", "at": NOON.isoformat(), "kind": "email", "direction": "inbound"}
    return usual | {"customer": {"phone": "+12125550123"}, "text": "hello"} | fields


def update(**fields: Any) -> dict[str, Any]:
    """A message to the bot, with these fields."""
    number = next(numbers)
    message = {"message_id": number, "date": int(NOON.timestamp()), "text": "hello"}
    message |= {"chat": {"id": 42, "type": "private"}, "from": {"id": 42, "first_name": "Ann"}}
    return {"update_id": number, "message": message | fields}


def deep(levels: int, heart: str = "1") -> str:
    return "[" * levels + heart + "]" * levels


def raw(value: Any, **replaced: str) -> bytes:
    """JSON in which these words stand for what no writer of JSON would write."""
    written = json.dumps(value)
    for word, bytes_ in replaced.items():
        written = written.replace(f'"{word}"', bytes_)
    return written.encode()


#: What a phone system may send that is wrong, and what it is set aside for; "" is good enough to be logged.
MALFORMED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "json_invalid"),
    "no JSON": (b"call_id=1&type=missed", "json_invalid"),
    "half of it": (raw(call())[:-9], "json_invalid"),
    "a list": (raw([call()]), "call_event_invalid"),
    "a number": (b"7", "call_event_invalid"),
    "null": (b"null", "call_event_invalid"),
    "UTF-16": (json.dumps(call()).encode("utf-16"), "json_invalid"),
    "no UTF-8": (raw(call(comment="X"), X='"\xff"').decode().encode("latin-1"), "json_invalid"),
    "NaN": (raw(call(duration="X"), X="NaN"), "json_invalid"),
    "infinity": (raw(call(at="X"), X="1e400"), "body.at"),
    "an endless duration": (raw(call(duration="X"), X="1e400"), "body.duration"),
    "a number of 5,000 digits": (raw(call(call_id="X"), X="7" * 5_000), "json_invalid"),
    "an id of 4,000 digits": (raw(call(event_id="X"), X="7" * 4_000), "body.event_id"),
    "a list for an id": (raw(call(call_id=["c"])), "body.call_id"),
    "an object for a number": (raw(call(**{"from": {"number": 1}})), "body.from"),
    "a truth for a time": (raw(call(at=True)), "body.at"),
    "no time": (raw(call(at=None)), "body.at"),
    "a time without a zone": (raw(call(at="2026-03-02T12:00:00")), "body.at"),
    "the year 9999": (raw(call(at="9999-12-31T23:59:59-12:00")), "body.at"),
    "the year -1": (raw(call(at="-0001-01-01T00:00:00Z")), "body.at"),
    "the year 1": (raw(call(at="0001-01-01T00:00:00+12:00")), "body.at"),
    "the year 1890": (raw(call(at="1890-03-02T12:00:00Z")), "body.at"),
    "30 February": (raw(call(at="2026-02-30T12:00:00Z")), "body.at"),
    "a time beyond all clocks": (raw(call(at=10**30)), "body.at"),
    "an answer in the year 9999": (raw(call(answered_at="9999-12-31T23:59:59-12:00")), "body.answered_at"),
    "no phone number": (raw(call(**{"from": "the front desk"})), "phone_invalid: body.from"),
    "too short a number": (raw(call(**{"from": "+12"})), "phone_invalid: body.from"),
    "too long a number": (raw(call(**{"from": "+" + "1" * 190})), "phone_invalid: body.from"),
    "a NUL as it is": (raw(call(comment="X")).replace(b'"X"', b'"a\0b"'), "json_invalid"),
    "NULs in ids and text": (raw(call(call_id="nul\0", event_id="\0001", comment="a\0b", agent="\0")), ""),
    "half an emoji as it is": (raw(call(comment="X")).replace(b'"X"', b'"\xed\xa0\xbd"'), "json_invalid"),
    "halves of an emoji": (raw(call(call_id="half\ud83d", comment="a\ude00b\ud83d")), ""),
    "10,000 levels": (raw(call(more="X"), X=deep(10_000)), "json_invalid"),
    "900 levels": (raw(call(more="X"), X=deep(900)), ""),
    "a long text": (raw(call(comment="x" * 900_000)), ""),
    "a field twice": (raw(call(**{"from": "X"}), X='"12", "from": "+12125550123"'), ""),
    "an id twice": (raw(call(event_id="X"), X='"2", "event_id": ""'), "body.event_id"),
}


def test_a_malformed_call_event_is_taken_set_aside_with_its_reason_and_stops_nothing(office: Office) -> None:
    statuses = {name: office.calls(body).status_code for name, (body, _) in MALFORMED.items()}
    assert set(statuses.values()) == {202}
    good = raw(call(comment="a good one"))
    assert office.calls(good).status_code == 202
    found = office.records()
    reasons = {name: found[body] for name, (body, _) in MALFORMED.items()}
    assert {name: why for name, (_, why) in MALFORMED.items() if why not in reasons[name]} == {}
    assert [name for name, (_, why) in MALFORMED.items() if bool(why) != bool(reasons[name])] == []
    assert found[good] == ""
    assert "a good one" in {entry["comment"] for entry in office.crm.entries()}
    for body, _ in MALFORMED.values():  # the phone system repeats itself until it is answered 2xx
        assert office.calls(body).status_code == 202
    assert office.records() == found


def test_a_call_event_nested_beyond_what_can_be_read_is_set_aside(office: Office) -> None:
    body = raw(call(more="X"), X=deep(900, '"\\u0041"'))
    assert office.calls(body).status_code == 202
    assert office.records()[body]


def test_a_call_event_that_is_mended_is_taken_under_the_id_of_the_malformed_one(office: Office) -> None:
    wrong, right = raw(call(call_id="c", **{"from": "12"})), raw(call(call_id="c"))
    assert office.calls(wrong).status_code == 202
    assert office.records()[wrong]
    assert office.calls(right).status_code == 202
    assert office.records()[right] == ""
    assert len(list(office.crm.entries())) == 1


def test_a_call_event_that_is_too_large_is_refused_and_leaves_no_row(office: Office) -> None:
    answer = office.calls(raw(call(comment="x" * 2_000_000)))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert office.records() == {}


def test_nesting_beyond_what_can_be_read_is_refused_by_the_api(office: Office) -> None:
    bodies = [deep(levels, heart).encode() for levels in (450, 900, 10_000) for heart in ("1", '"\\u0041"')]
    for sent in (*bodies, *(b'{"id": ' + body + b"}" for body in bodies)):
        answer = office.tells("interactions", sent)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert office.records() == {}


@pytest.mark.parametrize("key", [None, 7, "", "\0", "a\ud83d"])
def test_a_proven_event_is_taken_even_if_its_plugin_finds_no_good_id_in_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, key: Any
) -> None:
    monkeypatch.setattr(Telephony, "event_key", lambda self, request: key)
    bodies = [raw(call()), raw(call())]
    assert [office.calls(body).status_code for body in bodies * 2] == [202] * 4
    assert office.records() == dict.fromkeys(bodies, "")


def test_an_id_that_is_too_long_is_told_from_another_one(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = iter(["x" * 10_000, "x" * 10_001, "x" * 10_000])
    monkeypatch.setattr(Telephony, "event_key", lambda self, request: next(keys))
    assert [office.calls(raw(call())).status_code for _ in range(3)] == [202, 202, 409]


# -- what is not there, or not asked so


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    tmp_path = tmp_path_factory.mktemp("web")
    cx = CX(
        crm=LocalCRM(database=str(tmp_path / "crm.db"), durable=False),
        channels=[Telephony(name="pbx", secret=Secret(SECRET))],
        database=f"sqlite:///{tmp_path}/cx.db",
    )
    with (
        installed(cx, clock=ManualClock(NOON)) as installation,
        TestClient(public_app(installation.opened), raise_server_exceptions=False, follow_redirects=False) as web,
    ):
        with installation.runtime.store.write() as tx:
            token = tokens.create(installation.runtime.store, tx, "shop")
        web.headers["Authorization"] = f"Bearer {token}"
        yield web


def check_problem(answer: httpx2.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    told = answer.json()
    assert (told["status"], told["code"]) == (status, code)
    assert told["title"]
    assert told["detail"]


@pytest.mark.parametrize(
    "path",
    ["/", "/nowhere", "/%00", "/webhooks", "/webhooks/pbx/", "/s", "/api", "/api/", "/api/v1/events/", "/docs/x", "//"],
)
def test_an_address_that_is_not_ours_is_a_problem(web: TestClient, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        check_problem(web.request(method, path), 404, "path_unknown")
    head = web.head(path)
    assert (head.status_code, head.content) == (404, b"")


ASKED = {
    "/webhooks/pbx": "POST",
    "/s/x": "GET, HEAD, POST",
    "/s/x/stop": "GET, HEAD, POST",
    "/healthz": "GET, HEAD",
    "/readyz": "GET, HEAD",
    "/docs": "GET, HEAD",
    "/openapi.json": "GET, HEAD",
    "/api/v1/events": "POST",
    "/api/v1/customers/1/timeline": "GET",
}


@pytest.mark.parametrize("path", ASKED)
def test_an_address_that_is_not_asked_so_says_how_it_is_asked(web: TestClient, path: str) -> None:
    for method in ("PUT", "DELETE", "PATCH", "TRACE"):
        answer = web.request(method, path)
        check_problem(answer, 405, "method_unsupported")
        assert answer.headers["allow"] == ASKED[path]
    options = web.options(path)
    assert (options.status_code, options.headers["allow"], options.content) == (204, ASKED[path], b"")
    assert not [name for name in options.headers if name.startswith("access-control")]
    assert web.head(path).content == b""


@pytest.mark.parametrize(("path", "place"), [("/readyz", health), ("/api/v1/customers/1/timeline", api)])
def test_a_mistake_of_ours_is_a_problem_that_tells_nothing_of_it(
    web: TestClient, monkeypatch: pytest.MonkeyPatch, path: str, place: Any
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("of Ann")

    monkeypatch.setattr(place, "_ask" if place is health else "customer_timeline", fail)
    answer = web.get(path)
    check_problem(answer, 500, "internal_error")
    assert "Ann" not in answer.text


# -- whatever else may come

words = st.one_of(
    st.text(max_size=12),
    st.text("a\0\ud83d\ude00\u202eя%_'\\\"\n\r\t", max_size=12),
    st.sampled_from(["x" * 17, "x" * 65, "x" * 201, "x" * 321, "я" * 2_001, "+1" + "2" * 18, "-0001-01-01T00:00:00Z"]),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    words,
    st.sampled_from(["2026-03-02T12:00:00Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", 0, -1, 10**18]),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2), max_leaves=4
)


def fields_of(*names: str, **usual: Any) -> st.SearchStrategy[dict[str, Any]]:
    """An object of which some fields are as usual, some anything, and some missing."""
    odd = st.just({}) | st.dictionaries(st.sampled_from([*names, *usual]), values, max_size=3)
    return st.builds(lambda fields, more: fields | more, st.fixed_dictionaries({}, optional=usual), odd)


def write(value: Any, ascii: bool) -> bytes:
    return json.dumps(value, ensure_ascii=ascii).encode("utf-8", "surrogatepass")


def torn(body: bytes, place: float, more: bytes) -> bytes:
    """A body into which bytes have got that are not its own."""
    at = round(place * len(body))
    return body[:at] + more + body[at + len(more) :]


hostile = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
got_in = st.sampled_from([b"\0", b"\xff", b"\\u0000", b"\\ud83d", b'"', b"}"])
tears = st.just((0.0, b"")) | st.tuples(st.floats(0, 1), got_in)

call_fields = fields_of(
    "event_id", "call_id", "type", "at", "direction", "from", "to", "answered_at", "duration", "recording_url", "more",
    agent=words, comment=words,
)  # fmt: skip
sender = fields_of("last_name", "is_bot", id=st.just(42), first_name=words, language_code=words)
chat = fields_of("title", id=st.just(42), type=st.just("private"))
file = fields_of("file_size", "mime_type", "file_name", file_id=words)
card = fields_of("first_name", phone_number=words, user_id=st.just(42))
update_fields = fields_of(
    "message_id", "date", "text", "caption", "photo", "location", "venue", "edit_date", "poll", "sticker",
    **{"from": sender, "chat": chat, "document": file, "contact": card},
    reply_to_message=fields_of("text", message_id=st.integers(), date=st.just(0), chat=chat),
)  # fmt: skip
customer = fields_of(
    "email", "time_zone", "region", name=words, phone=st.just("+12125550123"), language=words, telegram=st.integers(),
    identities=st.lists(fields_of("confidence", kind=st.just("shop"), value=words), max_size=2),
)  # fmt: skip
letter_fields = fields_of(
    "id", "at", "kind", "direction", "interaction", "agent", "subject", "text", "comment", "thread", "in_reply_to",
    "recording_url", "automatic", customer=customer,
    attachments=st.lists(fields_of("size", "name", "reference", content_type=words), max_size=2),
)  # fmt: skip


@hostile
@given(st.lists(st.tuples(call_fields, st.booleans(), tears), min_size=1, max_size=5))
def test_whatever_a_phone_system_sends_is_logged_or_set_aside_with_a_reason(office: Office, sent: Any) -> None:
    bodies = [torn(write(call(**fields), ascii), *tear) for fields, ascii, tear in sent]
    good = raw(call())
    for body in (*bodies, good):
        assert office.calls(body).status_code in (202, 409)  # 409: something else under an id that is known
    reasons = office.records()
    assert reasons[good] == ""
    assert [reason for reason in reasons.values() if reason.startswith(DEFECTS)] == []


@hostile
@given(st.lists(st.tuples(update_fields, st.booleans(), tears), min_size=1, max_size=5))
def test_whatever_telegram_sends_is_logged_or_set_aside_with_a_reason(office: Office, sent: Any) -> None:
    bodies = [torn(write(update(**fields), ascii), *tear) for fields, ascii, tear in sent]
    good = raw(update())
    for body in (*bodies, good):
        assert office.updates(body).status_code in (202, 409)
    reasons = office.records()
    assert reasons[good] == ""
    assert [reason for reason in reasons.values() if reason.startswith(DEFECTS)] == []


@hostile
@given(st.lists(st.tuples(letter_fields, st.booleans(), tears), min_size=1, max_size=5))
def test_whatever_a_shop_sends_is_logged_or_refused(office: Office, sent: Any) -> None:
    before = office.records()
    for fields, ascii, tear in sent:
        answer = office.tells("interactions", torn(write(letter(**fields), ascii), *tear))
        assert answer.status_code in (202, 422)
        assert answer.status_code == 202 or answer.json()["code"]
    assert office.tells("interactions", raw(letter())).status_code == 202
    after = office.records()
    assert [reason for body, reason in after.items() if body not in before and reason] == []


form_values = words.map(lambda said: said.encode("utf-8", "surrogatepass")) | st.binary(max_size=20)
forms = st.dictionaries(
    st.sampled_from([b"q_nps", b"q_comment", b"q_liked", b"contact", b"phone", b"hours", b"step", b"nonce", b"x\0"]),
    form_values | st.sampled_from([b"on", b"9", b"0", b"%00", b"%0%000", b"%ED%A0%BD", b"%", b"99", b"+12125550123"]),
    max_size=5,
)


@hostile
@example(
    [b"q_nps=3&contact=on&" + b"&".join(b"%s=a\0b%%0%%000c" % name for name in (b"q_comment", b"phone", b"hours"))]
)
@given(st.lists(forms | st.binary(max_size=50), min_size=1, max_size=4))
def test_whatever_is_sent_from_the_survey_page_is_kept_or_asked_for_again(office: Office, sent: Any) -> None:
    for form in sent:
        body = form if isinstance(form, bytes) else b"&".join(name + b"=" + said for name, said in form.items())
        answer = office.answers(body)
        assert answer.status_code in (303, 422)
        assert answer.status_code == 303 or answer.headers["content-type"].startswith("text/html")
    assert office.answers(b"q_nps=9").status_code == 303
    assert not any(office.records().values())
