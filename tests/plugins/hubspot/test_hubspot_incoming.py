"""What HubSpot tells: tasks and deals that are read, and webhooks."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import BadInput, BusinessEvent, EventKind, Fact, PersonErased, PersonMerged, Raw, Request, TaskChange
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, Answer, opened, read, receive
from cxsdk_hubspot import HubSpot
from cxsdk_hubspot.client import PAGE
from tests.plugins.hubspot.conftest import hubspot
from tests.plugins.hubspot.fake import KEY, PROPERTIES, FakeHubSpot, signed
from tests.plugins.hubspot.test_hubspot_conformance import event

URL = "https://cx.example.com/webhooks/hubspot"
AT = datetime(2026, 1, 5, 11, 58, tzinfo=UTC)


def facts(crm: HubSpot, source: str, cursor: str | None = None) -> list[Any]:
    raws = [raw for page in read(crm, source, cursor) for raw in page.items]
    return [fact for raw in raws for fact in crm.parse(raw)]


def heard(*events: dict[str, Any], **settings: Any) -> list[Fact]:
    body = json.dumps(events).encode()
    return receive(hubspot(**settings), headers=signed(Request(url=URL, body=body), at=NOW), body=body)


# -- tasks


def test_a_task_that_is_done_is_told_with_who_did_it(crm: HubSpot, account: FakeHubSpot) -> None:
    id = account.put("tasks", **{KEY: "t1", "hs_task_status": "IN_PROGRESS", "hubspot_owner_id": "77"})
    account.complete(id)
    [change] = facts(crm, "tasks")
    at = datetime(2026, 1, 5, 11, 57, 0, 1000, tzinfo=UTC)
    assert change == TaskChange(key=change.key, at=at, task_id=id, done=True, agent_id="77")


def test_tasks_of_others_are_none_of_ours(crm: HubSpot, account: FakeHubSpot) -> None:
    account.put("tasks", hs_task_status="COMPLETED")
    assert facts(crm, "tasks") == []


def test_a_task_that_is_reopened_is_told_anew(crm: HubSpot, account: FakeHubSpot) -> None:
    id = account.put("tasks", **{KEY: "t1", "hs_task_status": "COMPLETED"})
    [done] = facts(crm, "tasks")
    account.change("tasks", id, hs_task_status="NOT_STARTED")
    [opened_again] = facts(crm, "tasks")
    assert (done.done, opened_again.done) == (True, False)
    assert done.key != opened_again.key


def test_what_is_young_is_left_for_later(account: FakeHubSpot) -> None:
    clock = ManualClock(NOW)
    with opened(hubspot(), clock=clock) as crm:
        account.now = NOW - timedelta(seconds=20)
        id = account.put("tasks", **{KEY: "t1"})
        assert facts(crm, "tasks") == []
        cursor = read(crm, "tasks")[-1].cursor
        clock.advance(timedelta(minutes=1))
        assert [fact.task_id for fact in facts(crm, "tasks", cursor)] == [id]


def test_tasks_are_read_where_the_property_is_missing_still(crm: HubSpot, account: FakeHubSpot) -> None:
    account.unique.clear()
    assert facts(crm, "tasks") == []


@pytest.mark.parametrize("same", [1, 30, 2 * PAGE + 30])
def test_many_that_changed_in_one_moment_are_all_read_once(crm: HubSpot, account: FakeHubSpot, same: int) -> None:
    for number in range(2 * PAGE + 30):
        id = account.put("tasks", **{KEY: f"t{number}"})
        moment = AT + timedelta(milliseconds=number // same)
        account.held["tasks"][id]["hs_lastmodifieddate"] = moment.isoformat(timespec="milliseconds")
    pages = read(crm, "tasks")
    ids = [json.loads(raw.body)["id"] for page in pages for raw in page.items]
    assert len(ids) == len(set(ids)) == 2 * PAGE + 30
    for page in pages:  # whoever goes on from any page gets exactly the rest
        rest = [raw.id for later in read(crm, "tasks", page.cursor) for raw in later.items]
        assert rest == [raw.id for later in pages[pages.index(page) + 1 :] for raw in later.items]


# -- deals


@pytest.fixture
def ann(account: FakeHubSpot) -> str:
    return account.put("contacts", firstname="Ann", lastname="Sample", email="ann@example.com", phone="212 555 0123")


def won(account: FakeHubSpot, ann: str, **properties: Any) -> str:
    usual = {"dealname": "Ten chairs", "amount": "500.00", "deal_currency_code": "USD", "dealstage": "closedwon"}
    return account.put("deals", contact=ann, **usual | properties)


def test_a_deal_that_is_won_is_a_purchase(account: FakeHubSpot, ann: str) -> None:
    id = won(account, ann, closedate="2026-01-05T09:30:00Z")
    with opened(hubspot(region="US")) as crm:
        [event] = facts(crm, "deals")
    assert event.model_dump(mode="json", exclude_defaults=True) == {
        "key": f"deal:{id}:closedwon",
        "at": "2026-01-05T09:30:00Z",
        "kind": "purchase",
        "customer": [{"kind": "email", "value": "ann@example.com"}, {"kind": "phone", "value": "+12125550123"}],
        "name": "Ann Sample",
        "order": f"deal:{id}",
        "product": "Ten chairs",
        "amount": "500.00",
        "currency": "USD",
    }


def test_a_deal_is_told_once_however_often_it_changes(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    id = won(account, ann)
    first = facts(crm, "deals")
    account.change("deals", id, dealname="Eleven chairs", hs_v2_date_entered_closedwon="2026-01-05T09:00:00Z")
    assert [fact.key for fact in first] == [fact.key for fact in facts(crm, "deals")] == [f"deal:{id}:closedwon"]


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ({"hs_v2_date_entered_closedwon": "2026-01-04T08:00:00.500Z"}, datetime(2026, 1, 4, 8, 0, 0, 500_000, UTC)),
        ({"closedate": "2026-01-03"}, datetime(2026, 1, 3, 12, tzinfo=UTC)),
        ({"closedate": "2026-02-01T00:00:00Z"}, datetime(2026, 1, 5, 11, 57, 0, 2000, UTC)),
        ({}, datetime(2026, 1, 5, 11, 57, 0, 2000, UTC)),
    ],
)
def test_a_stage_was_reached_when_hubspot_says_so(
    crm: HubSpot, account: FakeHubSpot, ann: str, told: dict[str, str], at: datetime
) -> None:
    won(account, ann, **told)
    [event] = facts(crm, "deals")
    assert event.at == at


def test_a_stage_that_is_passed_by_is_told(account: FakeHubSpot, ann: str) -> None:
    won(account, ann, hs_v2_date_entered_4711="2026-01-05T10:00:00Z")
    stages = {"closedwon": EventKind.PURCHASE, "4711": EventKind.DELIVERY}
    with opened(hubspot(stages=stages)) as crm:
        assert {fact.kind for fact in facts(crm, "deals")} == {EventKind.PURCHASE, EventKind.DELIVERY}


def test_dates_are_renewals_and_ends_of_subscriptions(account: FakeHubSpot, ann: str) -> None:
    dates = {"renewal_date": EventKind.RENEWAL, "contract_end": EventKind.SUBSCRIPTION}
    id = won(account, ann, dealstage="open", renewal_date="2026-01-02", contract_end="2027-01-02")
    with opened(hubspot(stages={}, dates=dates)) as crm:
        renewed, held = facts(crm, "deals")
        account.change("deals", id, renewal_date="2026-03-01", contract_end="")
        assert facts(crm, "deals") == []
    assert (renewed.kind, renewed.key, renewed.at.day) == ("renewal", f"deal:{id}:renewal_date:2026-01-02", 2)
    assert (held.kind, held.expires_at) == ("subscription", datetime(2027, 1, 2, 12, tzinfo=UTC))


def due(account: FakeHubSpot, day: date, **settings: Any) -> list[Any]:
    """What is told at noon of a day, with no deal changed."""
    clock = ManualClock(datetime.combine(day, time(12), UTC))
    with opened(hubspot(**{"dates": {"renewal_date": EventKind.RENEWAL}, **settings}), clock=clock) as crm:
        return facts(crm, "due", str(day - timedelta(days=1)))


@pytest.mark.parametrize("day", ["2026-03-01", "2026-03-01T23:30:00Z"])
def test_a_renewal_is_told_on_its_day_though_nobody_changes_the_deal(account: FakeHubSpot, ann: str, day: str) -> None:
    id = won(account, ann, renewal_date=day)
    assert due(account, date(2026, 2, 28)) == due(account, date(2026, 3, 2)) == []
    [event] = due(account, date(2026, 3, 1))
    assert (event.key, event.kind) == (f"deal:{id}:renewal_date:2026-03-01", EventKind.RENEWAL)
    assert event.at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_renewal_that_is_read_on_its_day_and_with_a_change_is_one_event(account: FakeHubSpot, ann: str) -> None:
    id = won(account, ann, dealstage="open", renewal_date="2026-03-01")
    [on_its_day] = due(account, date(2026, 3, 1))
    account.now = datetime(2026, 3, 2, 11, 57, tzinfo=UTC)
    account.change("deals", id, dealname="Eleven chairs")
    clock = ManualClock(datetime(2026, 3, 2, 12, tzinfo=UTC))
    with opened(hubspot(dates={"renewal_date": EventKind.RENEWAL}), clock=clock) as crm:
        [changed] = facts(crm, "deals")
    assert changed.key == on_its_day.key


def test_many_that_are_due_on_one_day_are_all_read_once(account: FakeHubSpot, ann: str) -> None:
    ids = [won(account, ann, renewal_date="2026-01-05") for _ in range(PAGE + 1)]
    told = due(account, date(2026, 1, 5))
    assert [event.order for event in told] == [f"deal:{id}" for id in ids]


def test_more_dates_than_a_search_has_groups_are_all_read(
    account: FakeHubSpot, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"date_{number}" for number in range(7)]
    for name in names:
        won(account, ann, **{name: "2026-01-05"})
    monkeypatch.setitem(PROPERTIES, "deals", " ".join([PROPERTIES["deals"], *names]))
    told = due(account, date(2026, 1, 5), dates=dict.fromkeys(names, EventKind.RENEWAL))
    assert [event.key.split(":")[2] for event in told] == names


def test_a_search_that_repeats_itself_ends_the_reading_of_a_day(account: FakeHubSpot, ann: str) -> None:
    id = won(account, ann, renewal_date="2026-01-05")
    row = {"id": id, "properties": {"hs_lastmodifieddate": "2026-01-05T11:00:00Z", "renewal_date": "2026-01-05"}}
    account.always["/crm/v3/objects/deals/search"] = Answer(json={"total": 999, "results": [row] * PAGE})
    assert {event.order for event in due(account, date(2026, 1, 5))} == {f"deal:{id}"}


def test_days_are_waited_for_where_a_date_is_more_than_an_end() -> None:
    assert "due" not in hubspot(dates={"contract_end": EventKind.SUBSCRIPTION}).sources()


def test_a_deal_in_another_stage_costs_no_look_at_its_people(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    won(account, ann, dealstage="appointmentscheduled")
    assert facts(crm, "deals") == []
    assert account.asked() == ["/crm/v3/objects/deals/search"]


@pytest.mark.parametrize("person", ["", "404"])
def test_a_deal_of_nobody_tells_nothing(crm: HubSpot, account: FakeHubSpot, person: str) -> None:
    won(account, person)
    assert facts(crm, "deals") == []


def test_whoever_opted_out_of_email_is_not_written_to(crm: HubSpot, account: FakeHubSpot) -> None:
    shy = account.put("contacts", email="shy@example.com", hs_email_optout="true", phone="not a number")
    won(account, shy)
    assert facts(crm, "deals") == []


def test_without_stages_and_dates_no_deals_are_read() -> None:
    assert list(hubspot(stages={}).sources()) == ["tasks"]


# -- webhooks


@pytest.mark.parametrize("type", [{"subscriptionType": "contact.merge"}, {"subscriptionType": "object.merge"}])
def test_merged_contacts_are_followed_into_the_new_one(type: dict[str, str]) -> None:
    told = event("", primaryObjectId=123, mergedObjectIds=[456, 457], newObjectId=789, objectTypeId="0-1") | type
    found = heard(told)
    assert all(isinstance(fact, PersonMerged) and fact.into == "789" for fact in found)
    assert [getattr(fact, "person_id", None) for fact in found] == ["123", "456", "457"]


def test_merged_contacts_are_followed_into_the_one_that_stays() -> None:
    [merged] = heard(event("contact.merge", primaryObjectId=123, mergedObjectIds=[456], newObjectId=123))
    assert merged == PersonMerged(key="456:123", at=AT, person_id="456", into="123")


def test_a_contact_deleted_for_privacy_is_forgotten() -> None:
    [erased] = heard(event("contact.privacyDeletion"))
    assert isinstance(erased, PersonErased)
    assert (erased.person_id, erased.at) == ("123", AT)


@pytest.mark.parametrize(
    "told", [event("contact.deletion"), event("object.deletion", objectTypeId="0-1", changeFlag="DELETED")]
)
def test_a_contact_in_the_recycling_bin_is_forgotten_only_where_that_is_wished(told: dict[str, Any]) -> None:
    assert heard(told) == []
    [erased] = heard(told, erase_deleted=True)
    assert isinstance(erased, PersonErased)


def test_tasks_may_be_told_sooner() -> None:
    change = {"objectTypeId": "0-27", "propertyName": "hs_task_status"}
    done, open, gone, other = (
        heard(event("object.propertyChange", **change, propertyValue="COMPLETED")),
        heard(event("object.propertyChange", **change, propertyValue="WAITING")),
        heard(event("object.deletion", objectTypeId="0-27")),
        heard(event("object.propertyChange", **change | {"propertyName": "hs_task_subject"}, propertyValue="x")),
    )
    assert [getattr(fact, "done", None) for fact in (*done, *open)] == [True, False]
    assert [getattr(fact, "deleted", None) for fact in gone] == [True]
    assert other == []


def test_what_does_not_concern_us_is_no_fact() -> None:
    others = ["company.deletion", "contact.creation", "deal.propertyChange", "object.merge", "conversation.newMessage"]
    association = {"subscriptionType": "contact.associationChange", "fromObjectId": 1, "toObjectId": 2}
    assert heard(association, *(event(type, objectTypeId="0-2") for type in others)) == []


def test_one_event_delivered_again_is_the_same_fact() -> None:
    first, again = heard(event("contact.privacyDeletion")), heard(event("contact.privacyDeletion", attemptNumber=1))
    assert first == again


@given(name=st.sampled_from(sorted(event("contact.merge"))), value=st.none() | st.integers() | st.floats() | st.text())
def test_no_event_breaks_the_parser(name: str, value: Any) -> None:
    told = event("contact.merge", primaryObjectId=1, mergedObjectIds=[2]) | {name: value}
    raw = Raw(id="r1", body=json.dumps([told], allow_nan=True).encode())
    try:
        found = list(hubspot().parse(raw))
    except BadInput:
        return
    assert all(isinstance(fact, PersonMerged | PersonErased) for fact in found)


def test_a_business_event_names_its_kind_by_the_settings() -> None:
    read_before = {
        "kind": "deals",
        "id": "9",
        "properties": {"dealstage": "won-2", "hs_lastmodifieddate": "2026-01-05T11:58:00.000Z"},
        "customer": {"email": "ann@example.com"},
    }
    [found] = hubspot(stages={"won-2": "renewal"}).parse(Raw.of(read_before))
    assert isinstance(found, BusinessEvent)
    assert found.kind is EventKind.RENEWAL
