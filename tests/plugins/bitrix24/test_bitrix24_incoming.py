"""What comes back from Bitrix24: events with their token, tasks that are done, leads that became contacts, deals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import BadInput, BusinessEvent, Fact, PersonErased, PersonMerged, Raw, SignatureError, TaskChange
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, opened, receive
from cxsdk_bitrix24 import Bitrix24
from tests.plugins.bitrix24.conftest import bitrix24
from tests.plugins.bitrix24.fake import TOKEN, FakeBitrix24
from tests.plugins.bitrix24.test_bitrix24_conformance import event, proven
from tests.plugins.bitrix24.test_bitrix24_outgoing import entry, reach, task

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def told(body: bytes, **settings: Any) -> list[Fact]:
    return receive(bitrix24(**settings), headers=FORM, body=proven(body))


class Unstopped:
    """A process that goes on."""

    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float | None = None) -> bool:
        return False


class Watch:
    """Reads one source again and again, as the clock does, and keeps its cursor."""

    def __init__(self, portal: FakeBitrix24, source: str, **settings: Any) -> None:
        self._portal = portal
        self._plugin = bitrix24(**settings)
        self._source = source
        self._cursor: str | None = None
        self._clock = ManualClock(NOW)

    def facts(self, after: timedelta = timedelta(0)) -> list[Fact]:
        self._clock.advance(after)
        with opened(self._plugin, clock=self._clock) as crm:
            return [fact for raw in self._read(crm) for fact in crm.parse(raw)]

    def _read(self, crm: Bitrix24) -> Iterator[Raw]:
        for page in crm.sources()[self._source](self._cursor, Unstopped()):
            self._cursor = page.cursor
            yield from page.items


# -- events


def test_a_deleted_activity_is_a_deleted_task() -> None:
    [fact] = told(event("ONCRMACTIVITYDELETE", 999))
    assert fact == TaskChange(
        key="ONCRMACTIVITYDELETE:999:1767614280",
        at=datetime(2026, 1, 5, 11, 58, tzinfo=UTC),
        task_id="999",
        deleted=True,
    )


def test_bitrix24_writes_events_in_either_case() -> None:
    [fact] = told(event("onCrmActivityDelete", 999))
    assert isinstance(fact, TaskChange)


@pytest.mark.parametrize(
    ("name", "person"),
    [("ONCRMCONTACTDELETE", "C_999"), ("ONCRMLEADDELETE", "L_999"), ("ONCRMCOMPANYDELETE", "CO_999")],
)
def test_a_deleted_person_is_forgotten_only_where_that_is_wanted(name: str, person: str) -> None:
    assert told(event(name, 999)) == []
    [fact] = told(event(name, 999), erase_deleted=True)
    assert isinstance(fact, PersonErased)
    assert fact.person_id == person


@pytest.mark.parametrize("name", ["ONCRMACTIVITYUPDATE", "ONCRMDEALUPDATE", "ONTASKUPDATE", "ONSOMETHINGNEW"])
def test_what_only_says_that_something_changed_is_left_to_the_sources(name: str) -> None:
    assert told(event(name)) == []


@pytest.mark.parametrize(
    "fields",
    [{"ts": "soon"}, {"ts": "99999999999"}, {"data[FIELDS][ID]": "-1"}, {"data[FIELDS][ID]": ""}, {"event": ""}],
)
def test_an_event_that_cannot_be_understood_is_bad_input(fields: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        told(event("ONCRMACTIVITYDELETE", **fields))


def test_an_event_needs_the_token_of_its_webhook() -> None:
    for body, code in ((event("X"), "signature_missing"), (proven(event("X"), "підпис"), "signature_invalid")):
        with pytest.raises(SignatureError) as caught:
            receive(bitrix24(), headers=FORM, body=body)
        assert caught.value.code == code
    with pytest.raises(SignatureError) as caught:
        receive(bitrix24(application_token=None), headers=FORM, body=proven(event("X")))
    assert caught.value.code == "webhook_off"


def test_of_two_tokens_the_last_counts_as_php_has_it() -> None:
    twice = proven(event("ONCRMACTIVITYDELETE")) + b"&auth[application_token]=other"
    with pytest.raises(SignatureError):
        receive(bitrix24(), headers=FORM, body=twice)


@given(st.binary(max_size=60))
def test_whatever_comes_is_understood_or_bad_input(body: bytes) -> None:
    plugin = bitrix24(erase_deleted=True)
    for tried in (body, b"event=ONCRMACTIVITYDELETE&" + body, b'{"kind":"todo","record":' + body + b"}"):
        try:
            list(plugin.parse(Raw(id="1", body=tried, received_at=NOW)))
        except BadInput:
            continue


def test_the_sample_event_is_believed() -> None:
    plugin = bitrix24()
    [sample] = plugin.samples("https://cx.example.com/webhooks/bitrix24", NOW).values()
    [fact] = receive(plugin, headers=sample.headers, body=sample.body)
    assert isinstance(fact, TaskChange)
    assert fact.at == NOW
    assert bitrix24(application_token=None).samples("https://cx.example.com", NOW) == {}
    assert TOKEN.encode() in sample.body


# -- tasks


@pytest.fixture
def ann(portal: FakeBitrix24) -> str:
    held = reach(PHONE="+1 (212) 555-0123", EMAIL="ann@example.com", WEB="https://example.com")
    return f"C_{portal.put(3, name='Ann', lastName='Sample', assignedById=7, fm=held)}"


def test_a_task_that_is_done_there_is_told_once(portal: FakeBitrix24, ann: str) -> None:
    watch = Watch(portal, "tasks")
    with opened(bitrix24()) as crm:
        [made] = crm.save_tasks([task(ann)])
        list(crm.log([entry(ann)]))
    [made_fact] = watch.facts()
    assert isinstance(made_fact, TaskChange)
    assert (made_fact.task_id, made_fact.done, made_fact.agent_id) == (made.id, False, "7")
    portal.now = NOW
    portal.complete(str(made.id))
    assert watch.facts(timedelta(seconds=20)) == []  # it is not settled yet
    [done] = watch.facts(timedelta(seconds=40))
    assert isinstance(done, TaskChange)
    assert (done.task_id, done.done, done.at) == (made.id, True, NOW + timedelta(seconds=1))
    assert watch.facts(timedelta(minutes=1)) == []


def test_many_that_change_in_one_second_are_all_read(portal: FakeBitrix24, ann: str) -> None:
    with opened(bitrix24()) as crm:
        for start in range(0, 125, 25):
            list(crm.save_tasks([task(ann, f"t{n}") for n in range(start, start + 25)]))
    for n, todo in enumerate(portal.activities.values()):
        at = NOW - timedelta(seconds=120 if n < 110 else 100 - n + 110)
        todo["LAST_UPDATED"] = at.astimezone().isoformat(timespec="seconds")
    told = [fact.key for fact in Watch(portal, "tasks").facts()]
    assert len(told) == len(set(told)) == 125


# -- leads


def test_a_contact_that_a_lead_became_is_the_same_person(portal: FakeBitrix24) -> None:
    portal.put(3, name="Ben")
    id = portal.put(3, name="Ann", leadId=7)
    [fact] = Watch(portal, "conversions").facts()
    assert fact == PersonMerged(
        key=f"L_7:C_{id}", at=NOW - timedelta(minutes=3) + timedelta(seconds=2), person_id="L_7", into=f"C_{id}"
    )


# -- deals


def deal(portal: FakeBitrix24, person: str, **fields: Any) -> int:
    known = {"title": "Ten chairs", "opportunity": 500.5, "currencyId": "USD", "stageId": "NEW", "contactId": 0}
    place = "companyId" if person.startswith("CO") else "contactId"
    return portal.put(2, **{**known, place: int(person.rpartition("_")[2]), **fields})


def test_a_won_deal_is_a_purchase_once(portal: FakeBitrix24, ann: str) -> None:
    won = deal(portal, ann, stageId="WON", movedTime="2026-01-05T14:30:00+03:00")
    watch = Watch(portal, "deals")
    [fact] = watch.facts()
    assert isinstance(fact, BusinessEvent)
    assert fact.key == f"deal:{won}:WON"
    assert (fact.kind.value, fact.at) == ("purchase", datetime(2026, 1, 5, 11, 30, tzinfo=UTC))
    assert [str(each) for each in fact.customer] == ["email:ann@example.com", "phone:+12125550123"]
    assert (fact.name, fact.product, fact.amount, fact.currency) == ("Ann Sample", "Ten chairs", "500.5", "USD")
    portal.now = NOW
    portal.edit(2, won, title="Eleven chairs")
    [again] = watch.facts(timedelta(minutes=2))
    assert again.key == fact.key


def test_a_deal_of_a_company_is_its_purchase(portal: FakeBitrix24) -> None:
    company = portal.put(4, title="Sample Ltd", fm=reach(EMAIL="office@example.com"))
    deal(portal, f"CO_{company}", stageId="WON", movedTime="2026-01-05T14:30:00+03:00")
    [fact] = Watch(portal, "deals").facts()
    assert isinstance(fact, BusinessEvent)
    assert (fact.name, [str(each) for each in fact.customer]) == ("Sample Ltd", ["email:office@example.com"])


def test_deals_of_nobody_and_at_other_stages_tell_nothing(portal: FakeBitrix24, ann: str) -> None:
    deal(portal, ann)
    deal(portal, "C_0", stageId="WON")
    deal(portal, f"C_{portal.put(3, name='Nobody')}", stageId="WON")
    assert Watch(portal, "deals").facts() == []


def test_dates_are_events_of_their_days(portal: FakeBitrix24, ann: str) -> None:
    dates = {"ufCrm_1": "renewal", "ufCrm_2": "subscription"}
    told = {"ufCrm_1": "2026-01-05T03:00:00+03:00", "ufCrm_2": "2027-01-05T03:00:00+03:00"}
    deal(portal, ann, **told)
    deal(portal, ann, ufCrm_1="2026-02-05T03:00:00+03:00", ufCrm_2=None)  # still to come
    renewal, subscription = Watch(portal, "deals", stages={}, dates=dates).facts()
    assert isinstance(renewal, BusinessEvent)
    assert isinstance(subscription, BusinessEvent)
    assert renewal.kind.value == "renewal"
    assert subscription.expires_at == datetime(2027, 1, 5, 12, tzinfo=UTC)


def due(day: date, *fields: str) -> list[Fact]:
    """What is told at noon of a day, with no deal changed."""
    clock = ManualClock(datetime.combine(day, time(12), UTC))
    plugin = bitrix24(dates=dict.fromkeys(fields, "renewal"))
    with opened(plugin, clock=clock) as crm:
        pages = list(crm.sources()["due"](str(day - timedelta(days=1)), Unstopped()))
        return [fact for page in pages for raw in page.items for fact in crm.parse(raw)]


def test_a_renewal_is_told_on_its_day_though_nobody_changes_the_deal(portal: FakeBitrix24, ann: str) -> None:
    id = deal(portal, ann, stageId="WON", ufCrm_1="2026-03-01T03:00:00+03:00")
    assert due(date(2026, 2, 28), "ufCrm_1") == due(date(2026, 3, 2), "ufCrm_1") == []
    [fact] = due(date(2026, 3, 1), "ufCrm_1", "ufCrm_2")
    assert isinstance(fact, BusinessEvent)
    assert (fact.key, fact.kind.value) == (f"deal:{id}:ufCrm_1:2026-03-01", "renewal")
    assert fact.at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_many_that_are_due_on_one_day_are_all_read_once(portal: FakeBitrix24, ann: str) -> None:
    for _ in range(51):
        deal(portal, ann, ufCrm_1="2026-03-01T00:00:00+03:00")
    deal(portal, ann, ufCrm_1="2026-03-01T00:00:00+03:00", ufCrm_2="2026-03-01T00:00:00+03:00")
    told = [fact.key for fact in due(date(2026, 3, 1), "ufCrm_1", "ufCrm_2")]
    assert len(told) == len(set(told)) == 53


def test_without_stages_and_dates_no_deals_are_read() -> None:
    assert set(bitrix24(stages={}).sources()) == {"tasks", "conversions"}
    assert "due" not in bitrix24(dates={"ufCrm_1": "subscription"}).sources()


def test_more_deals_than_a_page_holds_are_all_read(portal: FakeBitrix24, ann: str) -> None:
    portal.now -= timedelta(minutes=1)
    for n in range(70):
        deal(portal, ann, stageId="WON", movedTime="2026-01-05T14:30:00+03:00", title=str(n))
    assert len(Watch(portal, "deals").facts()) == 70
