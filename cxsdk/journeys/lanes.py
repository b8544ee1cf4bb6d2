"""What a lane's name means: whoever is rung for one comes here."""

from __future__ import annotations

from collections.abc import Callable

from cxsdk.errors import StoreUnavailable
from cxsdk.journeys import asking, business, cases, contacts
from cxsdk.journeys.absorb import absorb
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


def work(runtime: Runtime, lane: str) -> None:
    """Works off a lane, claim by claim. Never raises: what went wrong is in the row, or the lease ends."""
    until = runtime.stopwatch() + STAY_S
    try:
        for _ in range(ROUNDS):
            if not _work(runtime, lane) or runtime.stopwatch() > until:
                break
    except StoreUnavailable as error:
        logger("cxsdk.work").warning("store_unavailable", lane=lane, error=str(error))
    except LostRace:
        logger("cxsdk.work").info("race_lost", lane=lane)
    except Exception as error:
        logger("cxsdk.work").exception("lane_failed", lane=lane, kind=type(error).__name__)


def desk_of(runtime: Runtime, account: str, kind: str) -> Desk | None:
    """The desk of an account's outward work of one kind, or None where the account is configured no more."""
    known = account in (runtime.crm.name, ANY) or account in runtime.channels or kind == OutKind.HOOK
    if not known or kind not in DESKS:
        return None
    return (RoutingDesk if account == ANY else DESKS[kind])(runtime, account)


def _work(runtime: Runtime, lane: str) -> bool:
    """Works off one claim of a lane; tells whether there may be more."""
    table, _, rest = lane.partition(":")
    if table == "inbox":
        return absorb(runtime, lane)
    if table == "due" and lane in DUE:
        return look_at(runtime, lane, DUE[lane])
    if table == "outbox":
        account, _, kind = rest.rpartition(":")
        desk = desk_of(runtime, account, kind)
        if desk is not None:
            return deliver(desk, lane)
        logger("cxsdk.work").warning("account_unknown", lane=lane, cure="Configure it again, or drop its rows.")
    return False
