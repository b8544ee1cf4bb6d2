"""Who works on a lane asks first whether to go on, and says where more is left than one batch takes."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from cxsdk.domain.clock import SystemClock
from cxsdk.journeys.lanes import work
from cxsdk.testing.crm import fake_crm
from tests.acceptance.office import Office, office_of

ENTRIES = "outbox:fakecrm:entry"


class Pace:
    """Stands in for the waiting: says yes or no, and keeps what it was asked."""

    def __init__(self) -> None:
        self.goes = True
        self.asked: dict[str, float] = {}
        self.full: list[str] = []

    def come(self, lane: str, wait_s: float) -> bool:
        """Whether to go on with the lane."""
        self.asked[lane] = wait_s
        return self.goes

    def goes_on(self, lane: str) -> None:
        """There is more in the lane."""
        self.full.append(lane)


@pytest.fixture
def office() -> Iterator[Office]:
    with office_of(fake_crm(batch_size=2)) as office:
        office.introduce("ann")
        yield office


@pytest.fixture
def pace(office: Office) -> Pace:
    pace = Pace()
    object.__setattr__(office.runtime, "pacing", pace)
    return pace


def owed(office: Office, number: int) -> None:
    for n in range(number):
        office.tell(
            settle=False, direction="inbound", sender={"kind": "email", "value": "ann@example.com"}, text=f"{n}"
        )


def test_a_lane_that_another_thread_waits_for_is_left_to_it(office: Office, pace: Pace) -> None:
    owed(office, 1)
    pace.goes = False
    work(office.runtime, "inbox:wire")
    assert office.open_rows() == {"inbox:wire owed": 1}
    pace.goes = True
    work(office.runtime, "inbox:wire")
    pace.goes = False
    work(office.runtime, ENTRIES)
    assert office.open_rows() == {f"{ENTRIES} owed": 1}
    pace.goes = True
    work(office.runtime, ENTRIES)
    assert office.open_rows() == {}
    assert all(wait_s > 0 for wait_s in pace.asked.values())


def test_a_ring_is_taken_up_after_the_wait_and_by_who_waited(office: Office, pace: Pace) -> None:
    taken_up: list[str] = []
    doorbell = SimpleNamespace(ring=lambda lanes: None, taken_up=taken_up.append)
    object.__setattr__(office.runtime, "doorbell", doorbell)
    pace.goes = False
    work(office.runtime, "inbox:wire")
    assert taken_up == []
    pace.goes = True
    for lane in ("inbox:wire", ENTRIES, "due:call"):
        work(office.runtime, lane)
    assert taken_up == ["inbox:wire", ENTRIES, "due:call"]


def test_a_ring_that_somebody_left_to_who_waits_is_taken_up_after_each_wait(office: Office, pace: Pace) -> None:
    owed(office, 5)
    work(office.runtime, "inbox:wire")
    taken_up: list[str] = []
    object.__setattr__(office.runtime, "doorbell", SimpleNamespace(ring=lambda _: None, taken_up=taken_up.append))
    work(office.runtime, ENTRIES)
    assert office.open_rows() == {}
    assert len(taken_up) > 2  # batches of two


@pytest.mark.parametrize("lane", ["outbox:fakecrm:message", "outbox:gone:entry", "due:nothing", "nonsense"])
def test_a_lane_that_cannot_be_worked_on_ends_no_worker(office: Office, lane: str) -> None:
    work(office.runtime, lane)


def test_a_batch_that_is_full_ends_the_waiting(office: Office, pace: Pace) -> None:
    owed(office, 3)
    work(office.runtime, "inbox:wire")
    work(office.runtime, ENTRIES)
    assert pace.full == [ENTRIES]
    work(office.runtime, ENTRIES)
    assert pace.full == [ENTRIES]


def test_nobody_waits_by_another_clock_than_the_machines(office: Office) -> None:
    assert not isinstance(office.runtime.clock, SystemClock)
    assert all(office.runtime.pacing.come(ENTRIES, 60) for _ in range(3))
