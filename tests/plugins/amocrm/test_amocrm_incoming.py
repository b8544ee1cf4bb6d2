"""What amoCRM tells: by webhook, and when its tasks and leads are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxsdk import (
    BadInput,
    BusinessEvent,
    EventKind,
    Fact,
    PersonErased,
    Raw,
    SignatureError,
    TaskChange,
    email,
    phone,
)
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, opened, read, receive
from cxsdk_amocrm import AmoCRM
from tests.plugins.amocrm.conftest import amocrm
from tests.plugins.amocrm.fake import SECRET, FakeAmoCRM
from tests.plugins.amocrm.test_amocrm_conformance import DONE, form

URL = f"https://cx.example.com/webhooks/amocrm?key={SECRET}"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def told(body: bytes, url: str = URL, **given: Any) -> list[Fact]:
    return receive(amocrm(**given), headers=FORM, body=body, url=url)


def facts(crm: AmoCRM, source: str, cursor: str | None = None) -> list[Fact]:
    return [fact for page in read(crm, source, cursor) for raw in page.items for fact in crm.parse(raw)]


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# -- webhooks


def test_a_completed_task_is_told_at_once() -> None:
    [fact] = told(DONE)
    assert isinstance(fact, TaskChange)
    assert (fact.task_id, fact.done, fact.agent_id) == ("123456", True, "7654321")
    assert fact.at == at(1767614280)


@pytest.mark.parametrize(
    ("fields", "done"),
    [({"status": "1"}, True), ({"is_completed": "true"}, True), ({"is_completed": "1"}, True), ({"status": "0"}, False),
     ({"status": ""}, False), ({}, False)],
)  # fmt: skip
def test_whether_a_task_is_done_is_read_in_both_words(fields: dict[str, str], done: bool) -> None:
    assert [type(fact) for fact in told(form("task[update]", id=5, **fields))] == [TaskChange] * done


def test_the_time_of_a_webhook_is_never_after_it_came() -> None:
    [fact] = told(form("task[update]", id=5, status=1, last_modified=int(NOW.timestamp()) + 3600))
    assert fact.at == NOW
    [fact] = told(form("task[update]", id=5, status=1, last_modified="2026-01-05 12:00:00"))
    assert fact.at == NOW


def test_a_deleted_task_is_told() -> None:
    [fact] = told(form("task[delete]", id=5))
    assert isinstance(fact, TaskChange)
    assert (fact.task_id, fact.deleted, fact.done) == ("5", True, False)


def test_several_changes_in_a_webhook_have_keys_of_their_own() -> None:
    names = {f"task[update][{n}][{name}]": value for n in range(3) for name, value in (("id", n + 1), ("status", 1))}
    found = told(urlencode(names).encode())
    assert [fact.task_id for fact in found if isinstance(fact, TaskChange)] == ["1", "2", "3"]
    assert len({fact.key for fact in found}) == 3


def test_a_deleted_contact_is_forgotten_only_where_it_is_wanted() -> None:
    body = form("contacts[delete]", id=4711, type="contact")
    assert told(body) == []
    [fact] = told(body, erase_deleted=True)
    assert isinstance(fact, PersonErased)
    assert fact.person_id == "4711"
    assert told(form("contacts[delete]", id=4711, type="company"), erase_deleted=True) == []


@pytest.mark.parametrize("id", ["", "abc", "-1", "1e5", "9" * 30, "٣"])
def test_a_task_without_an_id_is_bad_input(id: str) -> None:
    with pytest.raises(BadInput, match="is no id"):
        told(form("task[update]", id=id, status=1))


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (URL.partition("?")[0], "signature_missing"),
        (f"{URL.partition('?')[0]}?key=", "signature_missing"),
        (f"{URL}x", "signature_invalid"),
        (f"{URL}&key=other", "signature_invalid"),
        (f"{URL.partition('?')[0]}?key=%D0%BF%FF", "signature_invalid"),
        (f"{URL.partition('?')[0]}?KEY={SECRET}", "signature_missing"),
    ],
)
def test_an_address_without_our_secret_is_not_believed(url: str, code: str) -> None:
    with pytest.raises(SignatureError) as caught:
        told(DONE, url=url)
    assert caught.value.code == code
    assert SECRET not in str(caught.value)


def test_without_a_secret_there_is_no_webhook() -> None:
    with pytest.raises(SignatureError) as caught:
        told(DONE, webhook_secret=None)
    assert caught.value.code == "webhook_off"
    assert amocrm(webhook_secret=None).samples("https://cx.example.com/webhooks/amocrm", NOW) == {}


def test_samples_are_told_apart_at_each_moment() -> None:
    crm, url = amocrm(), "https://cx.example.com/webhooks/amocrm"
    now, later = (crm.samples(url, moment) for moment in (NOW, NOW + timedelta(milliseconds=5)))
    assert set(now) == {"task_completed", "task_deleted"}
    assert now["task_deleted"].body != later["task_deleted"].body


ANYTHING = amocrm(erase_deleted=True)
PLACES = [f"{place}[id]" for place in ("task[update][0]", "task[delete][1]", "contacts[delete][0]", "task[0]", "")]
PLACES += ["task[update][0][status]", "task[update][0][last_modified]", "task[update][0][responsible_user_id]"]


@given(st.dictionaries(st.sampled_from(PLACES), st.sampled_from(["1", "5", "1767614280"]) | st.text(max_size=9)))
@settings(max_examples=60)
def test_any_form_is_facts_or_bad_input(fields: dict[str, str]) -> None:
    raw = Raw(id="r1", body=urlencode(fields).encode(), received_at=NOW)
    with suppress(BadInput):
        for fact in ANYTHING.parse(raw):
            assert isinstance(fact, TaskChange | PersonErased)
            assert fact.at <= NOW


# -- tasks


def test_a_completed_task_is_read_with_its_comment(crm: AmoCRM, account: FakeAmoCRM) -> None:
    open_task = account.put("tasks", is_completed=False, text="Call")
    done = account.put("tasks", is_completed=False, text="Call")
    account.complete(done)
    [fact] = facts(crm, "tasks")
    assert isinstance(fact, TaskChange)
    assert (fact.task_id, fact.done, fact.comment, fact.agent_id) == (done, True, "Called back.", "111")
    assert open_task != done


def test_what_is_younger_than_half_a_minute_is_left_for_later(account: FakeAmoCRM) -> None:
    clock = ManualClock(NOW)
    account.now = NOW - timedelta(seconds=30)
    with opened(amocrm(), clock=clock) as crm:
        account.complete(account.put("tasks"))
        [page] = read(crm, "tasks")
        assert page.items == ()
        clock.advance(timedelta(minutes=1))
        [page] = read(crm, "tasks", page.cursor)
        assert len(page.items) == 1
        assert [len(page.items) for page in read(crm, "tasks", page.cursor)] == []


@pytest.mark.parametrize("per_second", [1, 3, 15])
def test_more_changes_than_a_page_holds_are_all_read_once(
    account: FakeAmoCRM, monkeypatch: pytest.MonkeyPatch, per_second: int
) -> None:
    monkeypatch.setattr("cxsdk_amocrm.client.PAGE", 5)
    for number in range(30):
        id = account.put("tasks", is_completed=True)
        account.held["tasks"][id]["updated_at"] = int(NOW.timestamp()) - 100 + number // per_second
    begin = str(int(NOW.timestamp()) - 120)
    with opened(amocrm()) as crm:
        pages = [(page, [raw.payload()["task"]["id"] for raw in page.items]) for page in read(crm, "tasks", begin)]
        found = [id for _, ids in pages for id in ids]
        assert sorted(found) == [record["id"] for record in account.all_of("tasks")]
        cursors = [int(page.cursor or 0) for page, _ in pages]
        assert cursors == sorted(set(cursors))
        # a second page may miss what moves meanwhile: it is read only where no shorter time can be asked for
        further = [request.query for request in account.requests if request.query["page"] != ["1"]]
        bounds = ("filter[updated_at][from]", "filter[updated_at][to]")
        times = [[int(query[bound][0]) for bound in bounds] for query in further]
        assert all(until - since <= 2 for since, until in times)
        # stopped in the middle: whoever goes on from there misses nothing, and reads nothing again
        middle, _ = pages[len(pages) // 2]
        rest = [raw.payload()["task"]["id"] for page in read(crm, "tasks", middle.cursor) for raw in page.items]
        assert found == [id for _, ids in pages[: len(pages) // 2 + 1] for id in ids] + rest


# -- leads


@pytest.fixture
def ann(account: FakeAmoCRM) -> str:
    return account.contact(name="Ann Sample", phones=["+1 212-555-0123", "none"], emails=["Ann@Example.com"])


def won(account: FakeAmoCRM, contact: str, **fields: Any) -> str:
    usual = {"name": "Ten chairs", "price": 500, "pipeline_id": 7, "status_id": 142, "closed_at": 1767610800}
    contacts = [{"id": 1, "is_main": False}, {"id": int(contact), "is_main": True}] if contact else []
    return account.put("leads", _embedded={"contacts": contacts}, **{**usual, **fields})


def events(crm: AmoCRM) -> Iterator[BusinessEvent]:
    yield from (fact for fact in facts(crm, "deals") if isinstance(fact, BusinessEvent))


def test_a_won_lead_is_a_purchase_of_its_main_contact(crm: AmoCRM, account: FakeAmoCRM, ann: str) -> None:
    id = won(account, ann)
    [event] = events(crm)
    assert (event.kind, event.key, event.order) == (EventKind.PURCHASE, f"lead:{id}:142", f"lead:{id}")
    assert event.customer == (email("ann@example.com"), phone("+12125550123"))
    assert (event.name, event.product, event.amount, event.currency) == ("Ann Sample", "Ten chairs", "500", "USD")
    assert event.at == at(1767610800)  # when it was won, not when it was changed


@pytest.mark.parametrize(
    ("stages", "kinds"),
    [({"7:142": "purchase"}, ["purchase"]), ({"8:142": "purchase"}, []), ({"142": "renewal"}, ["renewal"]),
     ({"7:142": "delivery", "142": "purchase"}, ["delivery"])],
)  # fmt: skip
def test_a_stage_may_be_that_of_one_pipeline(
    account: FakeAmoCRM, ann: str, stages: dict[str, str], kinds: list[str]
) -> None:
    won(account, ann)
    with opened(amocrm(stages=stages)) as crm:
        assert [event.kind for event in events(crm)] == kinds


def test_dates_are_days_of_the_accounts_own_zone(account: FakeAmoCRM, ann: str) -> None:
    moscow_midnight = 1798664400 + 0  # 2026-12-31T00:00 there, 2026-12-30T21:00Z
    fields = [
        {"field_id": 889001, "field_type": "date", "values": [{"value": moscow_midnight}]},
        {"field_id": 889002, "field_code": "RENEWED", "field_type": "date_time", "values": [{"value": 1767600000}]},
        {"field_id": 889003, "field_type": "date", "values": [{"value": "soon"}]},
    ]
    won(account, ann, status_id=5, closed_at=None, custom_fields_values=fields)
    dates = {"889001": "subscription", "RENEWED": "renewal", "889003": "renewal", "889004": "renewal"}
    with opened(amocrm(dates=dates)) as crm:
        subscription, renewal = events(crm)
    assert subscription.expires_at == datetime(2026, 12, 31, 12, tzinfo=UTC)
    assert (renewal.kind, renewal.at) == (EventKind.RENEWAL, at(1767600000))


def test_a_day_that_has_come_is_told_though_nobody_changes_the_lead(account: FakeAmoCRM, ann: str) -> None:
    midnight = int(datetime(2026, 1, 9, 21, tzinfo=UTC).timestamp())  # the tenth, in Moscow
    field = {"field_id": 889005, "field_code": "RENEWED", "field_type": "date", "values": [{"value": midnight}]}
    id = won(account, ann, status_id=5, closed_at=None, custom_fields_values=[field])
    won(account, ann, custom_fields_values=[{**field, "values": [{"value": midnight + 86400}]}])
    clock = ManualClock(NOW)
    with opened(amocrm(dates={"RENEWED": "renewal"}), clock=clock) as crm:
        cursor = read(crm, "due")[-1].cursor
        for day, told in ((9, []), (10, [f"lead:{id}:RENEWED:2026-01-10"])):
            clock.advance(datetime(2026, 1, day, 13, tzinfo=UTC) - clock.now())
            pages = read(crm, "due", cursor)
            found = [fact for page in pages for raw in page.items for fact in crm.parse(raw)]
            assert [fact.key for fact in found] == told
            cursor = pages[-1].cursor
        assert all(isinstance(fact, BusinessEvent) and fact.kind == "renewal" for fact in found)


def test_the_end_of_a_subscription_needs_no_day() -> None:
    assert set(amocrm(dates={"889002": "subscription"}).sources()) == {"tasks", "deals"}


def test_leads_of_nobody_ask_nobody(crm: AmoCRM, account: FakeAmoCRM) -> None:
    won(account, "")
    won(account, "99999")
    won(account, account.contact(name="No numbers"))
    assert list(events(crm)) == []


def test_leads_of_which_nothing_is_told_are_not_kept(crm: AmoCRM, account: FakeAmoCRM, ann: str) -> None:
    won(account, ann, status_id=141)
    assert [raw for page in read(crm, "deals") for raw in page.items] == []
    assert [request.path for request in account.requests] == ["/api/v4/leads"]


def test_without_stages_and_dates_no_leads_are_read() -> None:
    assert set(amocrm(stages={}).sources()) == {"tasks"}


@pytest.mark.parametrize(
    "payload", [{}, {"task": {}}, {"task": {"id": -1, "updated_at": 1}}, {"lead": []}, {"other": 1}]
)
def test_records_of_another_shape_are_bad_input_or_nothing(payload: dict[str, Any]) -> None:
    with suppress(BadInput):
        assert list(amocrm().parse(Raw.of(payload))) == []
