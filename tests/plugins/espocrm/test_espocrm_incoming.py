"""What EspoCRM tells: webhooks with both signatures, and what is read of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import (
    BadInput,
    BusinessEvent,
    EventKind,
    Fact,
    PersonErased,
    PersonMerged,
    Raw,
    Secret,
    SignatureError,
    TaskChange,
    Transient,
)
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, opened, read, receive
from cxsdk_espocrm import EspoCRM
from cxsdk_espocrm.client import PAGE
from tests.plugins.espocrm.conftest import espocrm
from tests.plugins.espocrm.fake import URL, WEBHOOK_ID, WEBHOOK_KEY, FakeEspoCRM, signed

VECTORS = Path(__file__).parents[4] / "shared" / "vectors.json"
DONE = [{"status": "Completed", "dateCompleted": "2026-01-05 11:58:00", "id": "t1"}]


def body_of(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def listening(event: str) -> EspoCRM:
    return espocrm(webhooks={event: (WEBHOOK_ID, Secret(WEBHOOK_KEY))})


def heard(event: str, payload: Any) -> list[Fact]:
    body = body_of(payload)
    return receive(listening(event), headers=signed(body), body=body)


# -- signatures


@pytest.mark.parametrize("legacy", [False, True])
def test_both_signatures_are_accepted(legacy: bool) -> None:
    body = body_of(DONE)
    [fact] = receive(listening("Task.update"), headers=signed(body, legacy=legacy), body=body)
    assert isinstance(fact, TaskChange)


def test_where_both_are_there_the_current_one_counts() -> None:
    body = body_of(DONE)
    good, old = signed(body), signed(body, legacy=True)
    assert receive(listening("Task.update"), headers={**old, **good}, body=body)
    with pytest.raises(SignatureError):
        receive(
            listening("Task.update"), headers={**old, "Signature": signed(body, key="other")["Signature"]}, body=body
        )


@pytest.mark.parametrize("changed", [{"key": "other"}, {"id": "64a1b2c3d4e5f0000"}])
@pytest.mark.parametrize("legacy", [False, True])
def test_the_signature_of_another_webhook_is_refused(changed: dict[str, str], legacy: bool) -> None:
    body = body_of(DONE)
    with pytest.raises(SignatureError, match="none of the webhooks"):
        receive(listening("Task.update"), headers=signed(body, legacy=legacy, **changed), body=body)


@pytest.mark.parametrize("given", ["", "Подпись", "\udcff", "NjRh", "!"])
def test_what_is_no_signature_is_refused(given: str) -> None:
    with pytest.raises(SignatureError):
        receive(listening("Task.update"), headers={"Signature": given}, body=body_of(DONE))


def test_another_body_is_refused() -> None:
    with pytest.raises(SignatureError):
        receive(listening("Task.update"), headers=signed(body_of(DONE)), body=body_of([]))


def test_a_request_without_a_signature_is_refused() -> None:
    with pytest.raises(SignatureError) as caught:
        receive(listening("Task.update"), headers={}, body=body_of(DONE))
    assert caught.value.code == "signature_missing"


def test_without_webhooks_nothing_is_taken() -> None:
    with pytest.raises(SignatureError) as caught:
        receive(espocrm(), headers=signed(body_of(DONE)), body=body_of(DONE))
    assert caught.value.code == "webhook_off"


def test_a_body_of_any_letters_is_verified_by_its_bytes() -> None:
    body = json.dumps([{"id": "t1", "name": "Перезвонить Анне", "status": "Started"}], ensure_ascii=False).encode()
    assert receive(listening("Task.update"), headers=signed(body), body=body)


@pytest.mark.skipif(not VECTORS.is_file(), reason="the folder with test vectors beside the project is missing")
@pytest.mark.parametrize(("name", "header"), [("Signature", "Signature"), ("X-Signature", "X-Signature")])
def test_the_signatures_of_the_vectors_are_accepted(name: str, header: str) -> None:
    vectors = [one for one in json.loads(VECTORS.read_text())["vectors"] if one["vendor"] == "espocrm"]
    [vector] = [one for one in vectors if one["name"].startswith(name)]
    given = vector["inputs"]
    crm = espocrm(webhooks={"Contact.update": (given["webhook_id"], Secret(given["secret_key"]))})
    assert receive(crm, headers={header: vector["expected"]}, body=given["body"].encode()) == []


@pytest.mark.skipif(not VECTORS.is_file(), reason="the folder with test vectors beside the project is missing")
def test_the_signature_of_a_request_is_that_of_the_vectors() -> None:
    vectors = json.loads(VECTORS.read_text())["vectors"]
    [vector] = [one for one in vectors if one["name"] == "X-Hmac-Authorization (request auth)"]
    given = vector["inputs"]
    crm = espocrm(api_key=Secret(given["api_key"]), secret_key=Secret(given["secret_key"]))
    with responses.RequestsMock() as mock, opened(crm):
        mock.get(f"{URL}/api/v1/{given['uri']}", json={"total": -2, "list": []})
        crm._api.find(given["uri"], {"type": "equals"})
        assert mock.calls[0].request.headers["X-Hmac-Authorization"] == vector["expected"]


# -- webhooks


def test_a_task_that_was_done_is_told_with_its_time() -> None:
    [fact] = heard("Task.update", DONE)
    assert fact == TaskChange(key=fact.key, at=datetime(2026, 1, 5, 11, 58, tzinfo=UTC), task_id="Task:t1", done=True)


def test_each_record_of_a_batch_is_told() -> None:
    facts = heard("Task.update", [*DONE, {"id": "t2", "status": "Started"}, {"id": "t3", "status": "Canceled"}])
    assert [(one.task_id, one.done, one.deleted) for one in facts if isinstance(one, TaskChange)] == [
        ("Task:t1", True, False),
        ("Task:t2", False, False),
        ("Task:t3", False, True),
    ]
    assert len({one.key for one in facts}) == 3
    assert facts[1].at == NOW


def test_a_change_of_something_else_says_nothing_of_a_tasks_state() -> None:
    assert heard("Task.update", [{"id": "t1", "name": "Another name"}]) == []


def test_a_status_that_nobody_knows_is_not_done() -> None:
    [fact] = heard("Task.fieldUpdate.status", [{"id": "t1", "status": "Waiting for parts"}])
    assert isinstance(fact, TaskChange)
    assert not fact.done


def test_a_deleted_task_is_told() -> None:
    [fact] = heard("Task.delete", [{"id": "t1"}])
    assert isinstance(fact, TaskChange)
    assert fact.deleted


@pytest.mark.parametrize("entity", ["Contact", "Lead", "Account"])
def test_a_deleted_person_is_erased(entity: str) -> None:
    [fact] = heard(f"{entity}.delete", [{"id": "x1"}])
    assert isinstance(fact, PersonErased)
    assert (fact.person_id, fact.at) == (f"{entity}:x1", NOW)


@pytest.mark.parametrize(
    ("made", "into"),
    [
        ({"createdContactId": "c1", "createdAccountId": "a1"}, "Contact:c1"),
        ({"createdContactId": None, "createdAccountId": "a1"}, "Account:a1"),
    ],
)
def test_a_converted_lead_becomes_whom_it_was_made_into(made: dict[str, Any], into: str) -> None:
    [fact] = heard("Lead.update", [{"id": "l1", "status": "Converted", **made}])
    assert isinstance(fact, PersonMerged)
    assert (fact.person_id, fact.into) == ("Lead:l1", into)


@pytest.mark.parametrize("event", ["Case.create", "Lead.update", "Contact.update", "Opportunity.update"])
def test_what_concerns_nobody_says_nothing(event: str) -> None:
    assert heard(event, [{"id": "x1", "name": "some name", "stage": "Closed Won", "status": "New"}]) == []


def test_the_same_request_has_the_same_key_and_another_event_another_one() -> None:
    body = body_of([{"id": "x1"}])
    keys = set()
    for event in ("Task.delete", "Task.delete", "Contact.delete"):
        crm = listening(event)
        [fact] = receive(crm, headers=signed(body), body=body)
        keys.add(fact.key)
    assert len(keys) == 2


@pytest.mark.parametrize("payload", [{}, "text", None, [1], [{}], [{"id": 7}], [{"id": None}], {"event": 1}])
def test_what_is_no_list_of_records_is_bad_input(payload: Any) -> None:
    with pytest.raises(BadInput) as caught:
        heard("Task.update", payload)
    assert caught.value.code == "bad_input"


@pytest.mark.parametrize("at", ["yesterday", "0001-01-01 00:00:00", 5, "2026-01-05"])
def test_a_time_that_espocrm_does_not_write_is_bad_input(at: Any) -> None:
    with pytest.raises(BadInput):
        heard("Task.update", [{"id": "t1", "status": "Completed", "dateCompleted": at}])


def test_a_record_without_any_time_is_bad_input() -> None:
    with pytest.raises(BadInput, match="no time"):
        list(espocrm().parse(Raw(id="Task.update:1", body=body_of([{"id": "t1", "status": "Started"}]))))


_odd = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just([1])
_person = st.fixed_dictionaries({}, optional={
    "name": _odd,
    "emailAddressData": _odd | st.lists(_odd | st.dictionaries(st.just("emailAddress"), _odd), max_size=2),
    "phoneNumberData": st.just([{"phoneNumber": "+12125550123"}]),
})  # fmt: skip
_fields = "status dateCompleted modifiedAt stage closeDate amount amountCurrency createdContactId assignedUserId cDay"
_record = st.fixed_dictionaries(
    {"id": st.just("x1") | _odd},
    optional={name: _odd | st.sampled_from(["Closed Won", "2026-01-05 12:00:00"]) for name in _fields.split()},
)


@given(record=_record, customer=_person, listed=st.booleans(), entity=st.sampled_from(["Task", "Lead", "Opportunity"]))
def test_whatever_comes_is_understood_or_bad_input(record: Any, customer: Any, listed: bool, entity: str) -> None:
    read = {"event": f"{entity}.read", "record": {**record, "customer": customer}}
    raw = Raw(id=f"{entity}.update:1", body=body_of([record] if listed else read), received_at=NOW)
    try:
        list(espocrm(dates={"cDay": "subscription"}).parse(raw))
    except BadInput:
        return


# -- sources

BEGIN = "2026-01-05 11:58:00"
WON_AT = datetime(2026, 1, 5, 11, 58, tzinfo=UTC)


def facts_of(crm: EspoCRM, source: str, cursor: str | None = None) -> list[Fact]:
    return [fact for page in read(crm, source, cursor) for raw in page.items for fact in crm.parse(raw)]


def test_a_first_reading_begins_a_moment_ago(crm: EspoCRM, site: FakeEspoCRM) -> None:
    site.now -= timedelta(days=1)
    site.put("Task", status="Completed", cCxsdkKey="t0")
    assert [(page.items, page.cursor) for page in read(crm, "tasks")] == [((), "2026-01-05 11:55:00")]


def test_changes_of_our_tasks_are_read(crm: EspoCRM, site: FakeEspoCRM) -> None:
    ours, theirs = site.put("Task", status="Not Started", cCxsdkKey="t1"), site.put("Task", status="Not Started")
    for name in (ours, theirs):
        site.complete(name)
        site.get(name)["assignedUserId"] = "user-bob"
    [fact] = facts_of(crm, "tasks")
    assert isinstance(fact, TaskChange)
    assert (fact.task_id, fact.done, fact.agent_id) == (ours, True, "user-bob")
    assert fact.at == datetime(2026, 1, 5, 11, 58, tzinfo=UTC)


def test_what_has_just_changed_is_left_for_the_next_reading(site: FakeEspoCRM) -> None:
    clock = ManualClock(NOW)
    site.now = NOW - timedelta(seconds=29)
    site.put("Task", status="Completed", cCxsdkKey="t1")
    with opened(espocrm(), clock=clock) as crm:
        [first] = read(crm, "tasks")
        clock.advance(timedelta(seconds=30))
        assert first.items == ()
        assert len(facts_of(crm, "tasks", first.cursor)) == 1


def test_many_that_changed_in_one_second_are_all_read_once(crm: EspoCRM, site: FakeEspoCRM) -> None:
    changed = {site.put("Task", status="Not Started", cCxsdkKey=f"t{n}") for n in range(2 * PAGE + 1)}
    pages = [page for page in read(crm, "tasks") if page.items]
    assert [len(page.items) for page in pages] == [PAGE, PAGE, 1]
    told = [fact.task_id for page in pages for raw in page.items for fact in crm.parse(raw)]  # type: ignore[union-attr]
    assert len(told) == len(changed)
    assert set(told) == changed
    assert facts_of(crm, "tasks", pages[-1].cursor) == []


def test_a_site_that_repeats_itself_ends_the_reading(crm: EspoCRM, site: FakeEspoCRM) -> None:
    row = {"id": "t1", "modifiedAt": BEGIN, "status": "Started"}
    site.fail(200, body={"total": -2, "list": [row] * PAGE}, times=5)
    assert len(read(crm, "tasks", BEGIN)) == 1


def test_a_reader_that_is_stopped_ends(crm: EspoCRM, site: FakeEspoCRM) -> None:
    site.put("Task", status="Started", cCxsdkKey="t1")
    stop = Event()
    stop.set()
    assert list(crm.sources()["tasks"](BEGIN, stop)) == []


def test_an_answer_that_is_no_json_object_is_tried_again_later(crm: EspoCRM, site: FakeEspoCRM) -> None:
    site.fail(200, body=["no", "object"])
    with pytest.raises(Transient, match="url"):
        read(crm, "tasks", BEGIN)


def test_a_converted_lead_is_read(crm: EspoCRM, site: FakeEspoCRM) -> None:
    lead = site.put("Lead", status="Converted", createdContactId="c1")
    site.put("Lead", status="New")
    [fact] = facts_of(crm, "conversions")
    assert isinstance(fact, PersonMerged)
    assert (fact.person_id, fact.into) == (lead, "Contact:c1")


# -- deals


@pytest.fixture
def buyer(site: FakeEspoCRM) -> str:
    return site.put(
        "Contact",
        id="c1",
        name="Ann Sample",
        emailAddressData=[
            {"emailAddress": "ann@example.com", "primary": True},
            {"emailAddress": "old@example.com", "primary": False, "invalid": True},
            {"emailAddress": "not an address", "primary": False},
        ],
        phoneNumberData=[
            {"phoneNumber": "(212) 555-0123", "primary": True},
            {"phoneNumber": "+12125550199", "primary": False, "optOut": True},
        ],
    )


def deals(site: FakeEspoCRM, **settings: Any) -> list[BusinessEvent]:
    with opened(espocrm(region="US", **settings)) as crm:
        found = facts_of(crm, "deals")
    return [fact for fact in found if isinstance(fact, BusinessEvent)]


def deal(site: FakeEspoCRM, **changes: Any) -> str:
    given = {"name": "Ten chairs", "stage": "Closed Won", "closeDate": "2026-01-20", "contactId": "c1"}
    return site.put("Opportunity", **{**given, "amount": 1000.5, "amountCurrency": "USD", **changes})


def test_a_deal_that_is_won_is_a_purchase_of_its_contact(site: FakeEspoCRM, buyer: str) -> None:
    won = deal(site)
    [event] = deals(site)
    assert (event.kind, event.at, event.order) == (EventKind.PURCHASE, WON_AT, won)
    assert [str(one) for one in event.customer] == ["email:ann@example.com", "phone:+12125550123"]
    assert (event.name, event.product, event.amount, event.currency) == ("Ann Sample", "Ten chairs", "1000.5", "USD")


def test_a_deal_is_told_once_however_often_it_changes(site: FakeEspoCRM, buyer: str) -> None:
    won = deal(site)
    [first] = deals(site)
    site.change(won, amount=2000)
    [again] = deals(site)
    assert first.key == again.key


def test_a_deal_that_was_closed_earlier_happened_then(site: FakeEspoCRM, buyer: str) -> None:
    deal(site, closeDate="2025-11-30")
    assert [event.at for event in deals(site)] == [datetime(2025, 11, 30, 12, tzinfo=UTC)]


def test_a_stage_means_what_the_settings_say(site: FakeEspoCRM, buyer: str) -> None:
    deal(site, stage="Delivered")
    deal(site, stage="Closed Won")
    assert [event.kind for event in deals(site, stages={"Delivered": "delivery"})] == [EventKind.DELIVERY]


def test_an_expiry_date_is_a_subscription_that_ends_then(site: FakeEspoCRM, buyer: str) -> None:
    held = deal(site, stage="Proposal", cExpiresOn="2026-12-31")
    [event] = deals(site, dates={"cExpiresOn": "subscription"})
    assert (event.kind, event.at, event.order) == (EventKind.SUBSCRIPTION, WON_AT, held)
    assert event.expires_at == datetime(2026, 12, 31, 12, tzinfo=UTC)
    site.change(held, cExpiresOn="2027-12-31")
    [later] = deals(site, dates={"cExpiresOn": "subscription"})
    assert later.key != event.key


@pytest.mark.parametrize(
    ("day", "at"), [("2026-01-02", datetime(2026, 1, 2, 12, tzinfo=UTC)), ("2026-01-05 08:00:00", WON_AT)]
)
def test_a_renewal_date_is_a_renewal_on_that_day(site: FakeEspoCRM, buyer: str, day: str, at: datetime) -> None:
    deal(site, stage="Proposal", cRenewedOn=day)
    assert [(event.kind, event.at) for event in deals(site, dates={"cRenewedOn": "renewal"})] == [
        (EventKind.RENEWAL, at)
    ]


def test_a_field_of_every_opportunity_may_be_such_a_date(site: FakeEspoCRM, buyer: str) -> None:
    deal(site, stage="Proposal")
    [event] = deals(site, dates={"closeDate": "subscription"})
    assert event.expires_at == datetime(2026, 1, 20, 12, tzinfo=UTC)


def test_a_renewal_in_the_future_has_not_happened(site: FakeEspoCRM, buyer: str) -> None:
    deal(site, stage="Proposal", cRenewedOn="2026-02-01")
    assert deals(site, dates={"cRenewedOn": "renewal"}) == []


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def renewing(site: FakeEspoCRM, buyer: str, clock: ManualClock) -> Iterator[EspoCRM]:
    """It waits for renewals, and has read all days up to today."""
    with opened(espocrm(region="US", dates={"cRenewedOn": "renewal"}), clock=clock) as crm:
        yield crm


@pytest.mark.parametrize("day", ["2026-03-01", "2026-03-01 08:00:00"])
def test_a_renewal_is_told_on_its_day_though_nobody_changes_the_deal(
    site: FakeEspoCRM, renewing: EspoCRM, clock: ManualClock, day: str
) -> None:
    held = deal(site, cRenewedOn=day)
    told = facts_of(renewing, "due")
    cursor = read(renewing, "due")[-1].cursor
    clock.move_to(datetime(2026, 3, 1, 11, 59, tzinfo=UTC))
    told += facts_of(renewing, "due", cursor)
    assert told == []
    clock.move_to(datetime(2026, 3, 1, 12, tzinfo=UTC))
    [event] = facts_of(renewing, "due", "2026-02-28")
    assert isinstance(event, BusinessEvent)
    assert (event.kind, event.at, event.order) == (EventKind.RENEWAL, clock.now(), held)
    assert facts_of(renewing, "due", read(renewing, "due", "2026-02-28")[-1].cursor) == []


def test_a_renewal_that_is_read_on_its_day_and_with_a_change_is_one_event(
    site: FakeEspoCRM, renewing: EspoCRM, clock: ManualClock
) -> None:
    held = deal(site, stage="Proposal", cRenewedOn="2026-03-01")
    clock.move_to(datetime(2026, 3, 2, 12, tzinfo=UTC))
    [due] = facts_of(renewing, "due", "2026-02-28")
    site.now = clock.now() - timedelta(minutes=1)
    site.change(held, name="Eleven chairs")
    [changed] = facts_of(renewing, "deals")
    assert due.key == changed.key


def test_many_that_are_due_on_one_day_are_all_read_once(site: FakeEspoCRM, renewing: EspoCRM) -> None:
    made = {deal(site, cRenewedOn="2026-01-05") for _ in range(2 * PAGE + 1)}
    pages = [page for page in read(renewing, "due") if page.items]
    assert [len(page.items) for page in pages] == [PAGE, PAGE, 1]
    told = [fact.order for page in pages for raw in page.items for fact in renewing.parse(raw)]  # type: ignore[union-attr]
    assert len(told) == len(made)
    assert set(told) == made
    rest = read(renewing, "due", pages[0].cursor)
    assert [len(page.items) for page in rest if page.items] == [PAGE, 1]


def test_a_site_that_repeats_itself_ends_the_reading_of_a_day(site: FakeEspoCRM, renewing: EspoCRM) -> None:
    row = {"id": "d1", "modifiedAt": BEGIN, "cRenewedOn": "2026-01-05"}
    site.fail(200, body={"total": -2, "list": [row] * PAGE}, times=5)
    assert len([page for page in read(renewing, "due", "2026-01-04") if page.items]) == 1


def test_days_are_waited_for_where_a_date_is_more_than_an_end() -> None:
    assert "due" not in espocrm(dates={"cExpiresOn": "subscription"}).sources()


def test_a_deal_of_an_account_is_its_accounts(site: FakeEspoCRM) -> None:
    site.put("Account", id="a1", name="Sample Ltd", phoneNumberData=[{"phoneNumber": "+12125550123", "primary": True}])
    deal(site, contactId=None, accountId="a1")
    assert [event.name for event in deals(site)] == ["Sample Ltd"]


def test_a_deal_with_nobody_is_no_event(site: FakeEspoCRM) -> None:
    deal(site, contactId=None)
    deal(site, contactId="gone")
    assert deals(site) == []


def test_without_stages_and_dates_no_deals_are_read() -> None:
    assert list(espocrm(stages={}).sources()) == ["tasks", "conversions"]
