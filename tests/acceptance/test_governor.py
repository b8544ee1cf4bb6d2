"""Limits that are known are kept: no provider has to tell us that we asked too often."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
import responses

from cxsdk import CRM, Context, Limit, LogEntry, Person, Receipt, Transient, Usage
from cxsdk.store import accounts
from cxsdk.testing.crm import fake_crm
from tests.acceptance.office import Office, office_of

MakeOffice = Callable[..., Office]
TEN_A_MINUTE = Limit(calls=10, per="1m")


@pytest.fixture
def office_with() -> Iterator[MakeOffice]:
    with ExitStack() as stack:

        def make(**capabilities: Any) -> Office:
            return stack.enter_context(office_of(fake_crm(**capabilities)))

        yield make


def most_within(moments: list[datetime], length: timedelta) -> int:
    return max(sum(1 for later in moments if first <= later < first + length) for first in moments)


def texts(number: int, about: str = "entry") -> list[str]:
    return [f"{about} {n}" for n in range(number)]


def test_no_minute_sees_more_calls_than_the_limit_and_everything_is_logged(office_with: MakeOffice) -> None:
    office = office_with(batch_size=1, limits=[TEN_A_MINUTE])
    office.introduce("ann")
    office.later(minutes=2)
    office.write(*texts(40))
    office.later(minutes=6)
    assert most_within([asked.at for asked in office.crm.asked("log")], timedelta(minutes=1)) <= 10
    assert set(office.crm.counted().values()) == {1}
    assert not office.open_rows()
    assert {row.attempts for row in office.rows()} == {0}


def test_nearly_the_whole_limit_is_used(office_with: MakeOffice) -> None:
    office = office_with(batch_size=1, limits=[TEN_A_MINUTE])
    office.introduce("ann")
    office.later(minutes=2)
    before = len(office.crm.asked())
    office.write(*texts(100))
    office.later(minutes=5)
    assert len(office.crm.asked()) - before >= 45


def test_why_an_account_rests_can_be_seen(office_with: MakeOffice) -> None:
    office = office_with(batch_size=1, limits=[Limit(calls=2, per="1h")])
    office.write(*texts(5))
    with office.runtime.store.read() as tx:
        health = accounts.health(tx, "fakecrm")
    assert health is not None
    assert health.problem == "limit_used_up: 1 hour"
    assert health.failures == 0


def test_batches_take_one_permit_for_all_their_values(office_with: MakeOffice) -> None:
    office = office_with(batch_size=50, limits=[TEN_A_MINUTE])
    office.introduce("ann")
    office.later(minutes=2)
    office.write(*texts(150))
    office.later(seconds=30)
    assert sum(1 for text, n in office.crm.counted().items() if text.startswith("entry") and n == 1) == 150


def test_a_task_overtakes_a_bulk_of_entries(office_with: MakeOffice) -> None:
    office = office_with(batch_size=1, limits=[TEN_A_MINUTE])
    office.introduce("ann")
    office.later(minutes=2)
    office.write(*texts(60))
    office.call("missed")
    office.later(minutes=1)
    assert any("+12125550123" in asked.values[0].title for asked in office.crm.asked("save_tasks"))
    assert sum(office.crm.counted()[text] for text in texts(60)) < 30


def test_entries_do_not_starve_behind_tasks(office_with: MakeOffice) -> None:
    office = office_with(batch_size=1, limits=[TEN_A_MINUTE])
    office.introduce("ann")
    office.later(minutes=2)
    for number in range(40):
        office.call(
            "missed", call=f"c{number}", sender={"kind": "phone", "value": f"+121255501{number:02}"}, settle=False
        )
    office.write("an entry of ann's")
    office.later(minutes=2)
    assert office.crm.counted()["an entry of ann's"] == 1
    assert len(office.crm.asked("save_tasks")) < 40


def test_what_is_new_does_not_wait_behind_a_backlog(office_with: MakeOffice) -> None:
    office = office_with(batch_size=10, limits=[TEN_A_MINUTE])
    office.introduce("ann")
    office.crm.fall_ill(Transient("down"))
    office.write(*texts(300, "old"))
    office.later(hours=6)
    office.crm.fall_ill(None)
    office.write("something new")
    office.later(minutes=2)
    assert office.crm.counted()["something new"] == 1
    assert sum(office.crm.counted()[text] for text in texts(300, "old")) < 300


def test_after_an_outage_the_backlog_drains_as_fast_as_the_limit_allows(office_with: MakeOffice) -> None:
    office = office_with(batch_size=10, limits=[TEN_A_MINUTE])
    office.introduce("ann")
    office.crm.fall_ill(Transient("down"))
    office.write(*texts(400, "old"))
    office.later(hours=1)
    office.crm.fall_ill(None)
    office.later(minutes=1)  # the probe
    before = sum(office.crm.counted()[text] for text in texts(400, "old"))
    office.later(minutes=3)
    drained = sum(office.crm.counted()[text] for text in texts(400, "old")) - before
    assert drained >= 0.8 * min(3 * 100, 400 - before)


def test_without_limits_nothing_is_counted(office_with: MakeOffice) -> None:
    office = office_with()
    office.write(*texts(30))
    with office.runtime.store.read() as tx:
        health = accounts.health(tx, "fakecrm")
    assert health is not None
    assert health.meters is None


class Paper(CRM):
    """A CRM over HTTP that asks twice for each entry, and tells in each answer how much is left."""

    limits: tuple[Limit, ...] = (Limit(calls=100, per="1m", name="minute"),)
    duplicates = "upsert"
    batch_size = 5

    def open(self, context: Context) -> None:
        self._http = context.http("https://paper.example.com")

    def usage(self, response: requests.Response) -> Iterator[Usage]:
        if "X-Left" in response.headers:
            yield Usage(limit="minute", remaining=float(response.headers["X-Left"]), resets_in=timedelta(seconds=40))

    def find_people(self, who: Sequence[Person]) -> Iterator[str | None]:
        return (person.key for person in who)

    def create_people(self, people: Sequence[Person]) -> Iterator[Receipt]:
        return (Receipt.accepted(person.key) for person in people)

    def log(self, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        for entry in entries:
            self._http.get("/seen")
            self._http.post("/entries", json={"text": entry.text})
            yield Receipt.accepted(entry.key)


def posted() -> int:
    return sum(1 for call in responses.calls if call.request.method == "POST")


@responses.activate(assert_all_requests_are_fired=False)
def test_what_an_answer_tells_of_a_limit_is_kept() -> None:
    responses.get("https://paper.example.com/seen", json={}, headers={"X-Left": "0"})
    responses.post("https://paper.example.com/entries", json={})
    with office_of(Paper()) as office:
        office.write("hello")
        before = posted()
        office.write("more")
        assert posted() == before
        office.later(seconds=45)
        assert posted() == before + 1


@responses.activate(assert_all_requests_are_fired=False)
def test_every_request_counts_however_many_a_call_makes() -> None:
    responses.get("https://paper.example.com/seen", json={})
    responses.post("https://paper.example.com/entries", json={})
    with office_of(Paper()) as office:
        office.write("hello")
        office.later(minutes=2)
        before = len(responses.calls)
        office.write(*texts(200))
        office.later(minutes=1)
        assert len(responses.calls) - before <= 110  # the last call of the minute may make more than was expected
        office.later(minutes=4)
        assert len(responses.calls) - before == 400


@responses.activate(assert_all_requests_are_fired=False)
def test_a_plugin_that_fails_to_read_a_limit_harms_nothing() -> None:
    responses.get("https://paper.example.com/seen", json={}, headers={"X-Left": "many"})
    responses.post("https://paper.example.com/entries", json={})
    with office_of(Paper()) as office:
        office.write("hello")
        assert posted() == 1
        assert not office.open_rows()
