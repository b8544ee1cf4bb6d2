"""Which act makes a process pass which point; and one run: a process is killed there, and everything comes right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from tests.crash.acts import ACTS, Act
from tests.crash.points import points
from tests.crash.world import World

#: Of each place, what leads there; of a place with several points, some points have acts of their own.
LEADS_TO: dict[str, tuple[str, ...]] = {
    "app:_own_key": ("start",),
    "cli.erase:_forget": ("erase",),
    "cli.token:_create": ("create token",),
    "cli.token:_revoke": ("revoke token",),
    "context:AccountState.put": ("message",),
    "http.session:Session._exchange": ("missed call",),
    "journeys.absorb:absorb": ("missed call",),
    "journeys.absorb:_fold_together": (
        "two contacts", "message", "purchase", "unhappy answer", "task done", "opt-out", "merge", "erasure",
    ),
    "journeys.acknowledging:_tell": ("missed call",),
    "journeys.agents:AgentBook.refresh": ("missed call",),
    "journeys.dead_letters:_named": ("retry by name",),
    "journeys.dead_letters:_some": ("retry all",),
    "journeys.due:look_at": ("purchase",),
    "journeys.due:_together": ("purchase",),
    "journeys.due:_alone": ("broken customer",),
    "journeys.housekeeping:purge_raw": ("start",),
    "journeys.outward:_take": ("missed call", "missed call@2", "missed call@3", "purchase", "message"),
    "journeys.outward:_rest": ("many messages",),
    "journeys.outward:_look_up": ("lost message",),
    "journeys.outward:_find_written": ("lost message",),
    "journeys.outward:_call/before PersonDesk call": ("missed call", "two contacts"),
    "journeys.outward:_call/after PersonDesk call": ("missed call", "two contacts"),
    "journeys.outward:_call/before EntryDesk call": ("missed call",),
    "journeys.outward:_call/after EntryDesk call": ("missed call",),
    "journeys.outward:_call/before TaskDesk call": ("missed call",),
    "journeys.outward:_call/after TaskDesk call": ("missed call",),
    "journeys.outward:_call/before HookDesk call": ("missed call",),
    "journeys.outward:_call/after HookDesk call": ("missed call",),
    "journeys.outward:_call/before MessageDesk call": ("message", "purchase", "doubtful message"),
    "journeys.outward:_call/after MessageDesk call": ("message", "purchase", "doubtful message"),
    "journeys.outward:_call/before RoutingDesk call": ("purchase",),
    "journeys.outward:_call/after RoutingDesk call": ("purchase",),
    "journeys.outward:_collect": ("two contacts", "two contacts@2"),
    "journeys.receipts:_write": ("missed call", "missed call@2", "missed call@3", "purchase", "message"),
    "journeys.receipts:_set_aside": ("odd answer",),
    "journeys.replaying:_part": ("replay since",),
    "journeys.replaying:replay_event": ("replay one",),
    "journeys.sources:acquire": ("letters",),
    "journeys.sources:renew": ("letters",),
    "journeys.sources:release": ("letters",),
    "journeys.sources:_next": ("letters",),
    "journeys.sources:_begin": ("letters",),
    "journeys.sources:failed": ("letters later",),
    "journeys.sources:_worked": ("letters later",),
    "journeys.sources:_store": ("letters", "letters@2"),
    "store.oauth_tokens:TokenVault.begin": ("token ends", "token ends in an outage", "access withdrawn"),
    "store.oauth_tokens:TokenVault.keep": ("token ends",),
    "store.oauth_tokens:TokenVault.release": ("token ends in an outage",),
    "store.oauth_tokens:TokenVault.give_up": ("access withdrawn",),
    "store.oauth_tokens:TokenVault.connect": ("connect",),
    "store.oauth_tokens:seal_again": ("rotate keys",),
    "store.schema:upgrade": ("upgrade",),
    "web.intake:Intake._commit": ("crowd",),
    "cxsdk_workers.doorbells:MemoryDoorbell.ring": ("ring",),
    "cxsdk_workers.doorbells:BrokerDoorbell._ring_for": ("ring",),
    "cxsdk_workers.doorbells:BrokerDoorbell._quick": ("ring",),
    "cxsdk_workers.postgres:_Rings._take_up": ("missed call",),
    "cxsdk_workers.postgres:_Rings._put_back": ("put back",),
}  # fmt: skip

#: Where a CRM that is searched, and knows no key again, differs from one that does.
DIFFERS = ("journeys.outward:_call/after", "journeys.outward:_take/after", "journeys.receipts:_write/before")

#: Each point by the first of its acts alone, or every run that there is: ``make crash``.
EVERYTHING = os.environ.get("CXSDK_TEST_CRASHES") == "all"

#: Points of one broker or the other, by the beginning of their names: elsewhere nobody comes by them.
ONLY_WITH = {
    "cxsdk_workers.doorbells:MemoryDoorbell": ("memory",),
    "cxsdk_workers.doorbells:BrokerDoorbell._ring_for": ("redis", "amqp"),
    "cxsdk_workers.doorbells:BrokerDoorbell._quick": ("redis", "amqp", "database"),
    "cxsdk_workers.postgres:": ("database",),
}


@dataclass(frozen=True)
class Run:
    """A process is killed when it passes a point for the so many-th time, in the course of an act."""

    point: str
    act: str
    times: int = 1
    duplicates: str = "upsert"

    def __str__(self) -> str:
        times = f" {self.times}" if self.times > 1 else ""
        searched = " searched" if self.duplicates == "lookup" else ""
        return f"{self.point}, {self.act}{times}{searched}"


def runs(broker: str) -> list[Run]:
    """All of them with this kind of broker. Raises KeyError where no act leads to a point."""
    return [run for point in points() if _is_passed(point, broker) for run in _runs_at(point)]


def _is_passed(point: str, broker: str) -> bool:
    return all(broker in brokers for begin, brokers in ONLY_WITH.items() if point.startswith(begin))


def _runs_at(point: str) -> Iterator[Run]:
    acts = LEADS_TO.get(point) or LEADS_TO[point.partition("/")[0]]
    for act, _, times in (told.partition("@") for told in (acts if EVERYTHING else acts[:1])):
        yield Run(point, act, int(times or 1))
        if point.startswith(DIFFERS) and act != "doubtful message":
            yield Run(point, act, int(times or 1), "lookup")


def perform(world: World, run: Run) -> None:
    """Kills a process, has it started again, and sees whether all is as it should be. Raises AssertionError."""
    act, who = ACTS[run.act], world.somebody()
    act.before(world, who)
    world.settle()
    if act.role == "command":
        act.meanwhile(world, who, run.point)
    else:
        _kill(world, run, act, who)
    world.settle()
    act.after(world, who)
    world.settle()
    world.check()


def _kill(world: World, run: Run, act: Act, who: str) -> None:
    role = world.processes.role(act.role)
    world.processes.stop(role)
    if act.while_down:
        act.meanwhile(world, who)
    world.processes.start(role, f"{run.point}@{run.times}")
    if not act.while_down:
        act.meanwhile(world, who)
    world.recover()
