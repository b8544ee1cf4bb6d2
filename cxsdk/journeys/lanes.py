"""What a lane's name means: whoever is rung for one comes here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from cxsdk.errors import StoreUnavailable
from cxsdk.journeys import asking, business, cases, contacts
from cxsdk.journeys.absorb import LINGER_S, absorb
from cxsdk.journeys.due import Look, look_at
from cxsdk.journeys.entries import EntryDesk
from cxsdk.journeys.messages import MessageDesk
from cxsdk.journeys.outward import Desk, deliver
from cxsdk.journeys.people import PersonDesk
from cxsdk.journeys.routing import ANY, RoutingDesk
from cxsdk.journeys.runtime import Runtime
from cxsdk.journeys.task_lane import TaskDesk
from cxsdk.journeys.told import HookDesk
from cxsdk.observe import logger
from cxsdk.store import LostRace
from cxsdk.store.outbox import OutKind

#: The desk of each kind of outward work.
DESKS: dict[str, Callable[[Runtime, str], Desk]] = {
    OutKind.PERSON: PersonDesk,
    OutKind.ENTRY: EntryDesk,
    OutKind.TASK: TaskDesk,
    OutKind.MESSAGE: MessageDesk,
    OutKind.HOOK: HookDesk,
}

#: The journey of each lane of due rows.
DUE: dict[str, Look] = {
    contacts.CALL_LANE: contacts.log_silent_calls,
    business.LANE: asking.ask,
    cases.PROMISE_LANE: cases.break_promises,
    cases.CASE_LANE: cases.close_unanswered,
}


#: How long a worker stays with a lane that is never empty, in seconds, and for how many claims; then others are served.
STAY_S = 1.0
ROUNDS = 20


@dataclass(frozen=True)
class _Job:
    """How a lane is worked off."""

    claim: Callable[[], bool]  #: works off one claim; tells whether there may be more
    linger_s: float = 0.0  #: how long after one claim the next one waits for company


def work(runtime: Runtime, lane: str) -> None:
    """Works off a lane, claim by claim. Never raises: what went wrong is in the row, or the lease ends."""
    try:
        if job := _job(runtime, lane):
            _work(runtime, lane, job)
    except StoreUnavailable as error:
        logger("cxsdk.work").warning("store_unavailable", lane=lane, error=str(error))
    except LostRace:
        logger("cxsdk.work").info("race_lost", lane=lane)
    except Exception as error:
        logger("cxsdk.work").exception("lane_failed", lane=lane, kind=type(error).__name__)


def _work(runtime: Runtime, lane: str, job: _Job) -> None:
    """The ring is taken up after the wait: what becomes owed in the meantime needs none of its own.

    Who comes while this worker waits leaves the lane, and the ring, to it: so the ring is taken up after each wait. In
    a lane without waits nobody does, and to take it up once is enough.
    """
    until = runtime.stopwatch() + STAY_S
    for number in range(ROUNDS):
        if not runtime.pacing.come(lane, job.linger_s):
            break
        if number == 0 or job.linger_s:
            runtime.doorbell.taken_up(lane)
        if not job.claim() or runtime.stopwatch() > until:
            break


def _job(runtime: Runtime, lane: str) -> _Job | None:
    table, _, rest = lane.partition(":")
    if table == "inbox":
        return _Job(partial(absorb, runtime, lane), LINGER_S)
    if table == "due" and lane in DUE:
        return _Job(partial(look_at, runtime, lane, DUE[lane]))
    if table == "outbox":
        account, _, kind = rest.rpartition(":")
        desk = desk_of(runtime, account, kind)
        if desk is not None:
            return _Job(partial(deliver, desk, lane), desk.linger_s if desk.batch_size > 1 else 0.0)
        logger("cxsdk.work").warning("account_unknown", lane=lane, cure="Configure it again, or drop its rows.")
    return None


def desk_of(runtime: Runtime, account: str, kind: str) -> Desk | None:
    """The desk of an account's outward work of one kind, or None where the account is configured no more."""
    known = account in (runtime.crm.name, ANY) or account in runtime.channels or kind == OutKind.HOOK
    if not known or kind not in DESKS:
        return None
    return (RoutingDesk if account == ANY else DESKS[kind])(runtime, account)
