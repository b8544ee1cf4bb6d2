"""No commit and no call to the outside is without a crash point, and no crash point without a test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.crash.acts import ACTS
from tests.crash.deployment import NotReached, Place
from tests.crash.points import commits, outside_calls, points
from tests.crash.runs import LEADS_TO, ONLY_WITH, Run, perform, runs
from tests.crash.world import Doubled, Lost, World, opened

#: Around which crash point each call to the outside lies. A plugin's ``open`` only keeps what it is given, and what it
#: is asked on the way in (``verify``, ``event_key``, ``parse``) asks nobody else.
LIES_WITHIN = {
    "cxsdk_workers.doorbells:BrokerDoorbell._ring_for enqueue": "cxsdk_workers.doorbells:BrokerDoorbell._ring_for",
    "cxsdk_workers.doorbells:MemoryDoorbell.ring enqueue": "cxsdk_workers.doorbells:MemoryDoorbell.ring",
    "journeys.acknowledging:_tell acknowledge": "journeys.acknowledging:_tell",
    "journeys.agents:AgentBook.refresh agents": "journeys.agents:AgentBook.refresh",
    "journeys.entries:EntryDesk.call log": "journeys.outward:_call",
    "journeys.entries:EntryDesk.find_written find_written": "journeys.outward:_find_written",
    "journeys.messages:MessageDesk.call filter_message": "journeys.outward:_call",
    "journeys.messages:MessageDesk.find_written find_written": "journeys.outward:_find_written",
    "journeys.messages:_invitation_message link": "journeys.outward:_call",
    "journeys.parts:_each send": "journeys.outward:_call",
    "journeys.parts:_send_parts send": "journeys.outward:_call",
    "journeys.parts:_written find_written": "journeys.outward:_call",
    "journeys.parts:send_whole send": "journeys.outward:_call",
    "journeys.people:PersonDesk._find find_people": "journeys.outward:_call",
    "journeys.people:PersonDesk.call create_people": "journeys.outward:_call",
    "journeys.people:PersonDesk.find_written find_written": "journeys.outward:_find_written",
    "journeys.routing:RoutingDesk.call choose_channel": "journeys.outward:_call",
    "journeys.sources:read_to_the_end read": "journeys.sources:_next",
    "journeys.task_lane:TaskDesk.call save_tasks": "journeys.outward:_call",
    "journeys.task_lane:TaskDesk.find_written find_written": "journeys.outward:_find_written",
    "journeys.told:HookDesk.call tell": "journeys.outward:_call",
}
BROKERS = ("memory", "redis", "amqp", "database")


def test_every_call_to_the_outside_lies_within_a_crash_point() -> None:
    assert outside_calls() == LIES_WITHIN.keys()
    assert set(LIES_WITHIN.values()) <= {point.partition("/")[0] for point in points()}


def test_no_two_commits_have_the_same_name() -> None:
    assert [place for place, times in Counter(commits()).items() if times > 1] == []


def test_every_point_is_passed_by_a_run_with_some_broker() -> None:
    assert {run.point for broker in BROKERS for run in runs(broker)} == set(points())


def test_nothing_leads_to_a_point_that_is_gone() -> None:
    places = {point.partition("/")[0] for point in points()}
    assert LEADS_TO.keys() <= places | set(points())
    assert all(any(point.startswith(begin) for point in points()) for begin in ONLY_WITH)
    assert {act.partition("@")[0] for acts in LEADS_TO.values() for act in acts} == ACTS.keys()


# What would go wrong is seen


@pytest.fixture
def world_with(tmp_path: Path) -> Iterator[Callable[[str, str], World]]:
    with ExitStack() as stack:

        def open_one(bug: str, duplicates: str) -> World:
            place = Place(f"sqlite:///{tmp_path}/cx.db", "memory://", tmp_path, lambda: "")
            return stack.enter_context(opened(place, duplicates=duplicates, bug=bug))

        yield open_one


def test_a_record_that_is_acknowledged_before_its_commit_is_found_to_be_lost(
    world_with: Callable[[str, str], World],
) -> None:
    world = world_with("acknowledged_before_the_commit", "upsert")
    world.settling_s = 5
    with pytest.raises(Lost, match="entry in a row"):
        perform(world, Run("web.intake:Intake._commit/before commit", "ring"))


def test_a_call_without_a_mark_is_found_to_be_made_twice(world_with: Callable[[str, str], World]) -> None:
    world = world_with("not_marked_before_the_call", "lookup")
    with pytest.raises(Doubled, match="n1 entry call"):
        perform(world, Run("journeys.outward:_call/after EntryDesk call", "missed call", duplicates="lookup"))


def test_a_claim_that_outlives_its_worker_is_found_to_be_late(world_with: Callable[[str, str], World]) -> None:
    world = world_with("claimed_for_too_long", "upsert")
    world.settling_s = 5
    with pytest.raises(Lost, match="n1 entry call"):
        perform(world, Run("journeys.outward:_call/before EntryDesk call", "missed call"))


def test_a_point_that_nobody_passes_is_found_not_to_be_reached(world_with: Callable[[str, str], World]) -> None:
    world = world_with("", "upsert")
    world.reaching_s = 1
    with pytest.raises(NotReached, match="of_no_code"):
        perform(world, Run("journeys.absorb:of_no_code/after commit", "missed call"))
