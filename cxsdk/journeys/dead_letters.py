"""What was set aside, decided by a person: owed again with fresh tries, or dropped for good.

Rows that are named are changed all together or not at all. Of rows that are only described, those that cannot be
changed are left as they are, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cxsdk.domain.survey import InvitationState
from cxsdk.errors import BadInput
from cxsdk.journeys.asking import reconsider
from cxsdk.journeys.cases import task_done
from cxsdk.journeys.desk import Desk
from cxsdk.journeys.lanes import DUE, desk_of
from cxsdk.journeys.people import owe_people
from cxsdk.journeys.runtime import Runtime
from cxsdk.journeys.told import PREFIX
from cxsdk.policy.decision import Verdict
from cxsdk.store import Transaction, aside, cases, customers, decisions, invitations
from cxsdk.store.aside import Aside, AsideKind, Part, Ref, Wanted
from cxsdk.store.engine import owes
from cxsdk.store.patience import patient
from cxsdk.store.tables import CANCELLED, OWED, WAITING
from cxsdk.store.work import reason_of, settle

#: So many rows become due in a second where many are owed again at once: what comes meanwhile is not held up.
PER_SECOND = 200


@dataclass(frozen=True)
class Left:
    """A row that stays set aside, and why."""

    ref: Ref
    code: str
    why: str


@dataclass
class Changed:
    """What became of some rows."""

    done: list[Ref] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


#: Changes one row that is locked; raises BadInput, and has changed nothing then, where it must stay as it is.
Change = Callable[[Transaction, Aside], None]


def retry(runtime: Runtime, refs: Sequence[Ref], *, even_if_doubled: bool = False) -> Changed:
    """Owes these rows again, now and with fresh tries. Raises BadInput, and changes nothing, where one cannot be.

    ``even_if_doubled``: also messages that may have arrived already, where the channel cannot tell.
    """
    return _named(runtime, refs, _Retry(runtime, even_if_doubled))


def retry_all(runtime: Runtime, wanted: Wanted, *, even_if_doubled: bool = False) -> Iterator[Changed]:
    """The same for all rows that are meant, some at a time; each part is committed when it is told."""
    return _described(runtime, wanted, _Retry(runtime, even_if_doubled))


def drop(runtime: Runtime, refs: Sequence[Ref], note: str = "", *, was_done: bool = False) -> Changed:
    """Ends these rows for good; the note stays with them. Raises BadInput, and changes nothing, where one cannot be.

    ``was_done``: what a dropped task asks for was done in another way, so that its case goes on.
    """
    return _named(runtime, refs, _Drop(runtime, note, was_done))


def drop_all(runtime: Runtime, wanted: Wanted, note: str = "", *, was_done: bool = False) -> Iterator[Changed]:
    """The same for all rows that are meant, some at a time; each part is committed when it is told."""
    return _described(runtime, wanted, _Drop(runtime, note, was_done))


@patient
def _named(runtime: Runtime, refs: Sequence[Ref], change: Change) -> Changed:
    with runtime.store.write() as tx:
        asked = aside.named(tx, refs)
        rows = _locked(runtime, tx, asked)
        if len(rows) < len(asked):
            raise BadInput("Some of it was changed by somebody else just now. Look again.", code="row_not_aside")
        for one in rows:
            change(tx, one)
    return Changed([one.ref for one in rows])


def _described(runtime: Runtime, wanted: Wanted, change: Change) -> Iterator[Changed]:
    for part in wanted.parts():
        after: int | None = 0
        while after is not None:
            changed, after = _some(runtime, part, wanted, after, change)
            yield changed


@patient
def _some(runtime: Runtime, part: Part, wanted: Wanted, after: int, change: Change) -> tuple[Changed, int | None]:
    """Changes some rows; tells after which id to go on, or None at the end."""
    changed = Changed()
    with runtime.store.write() as tx:
        found = aside.page(tx, part, wanted, after)
        for one in _locked(runtime, tx, found):
            try:
                change(tx, one)
                changed.done.append(one.ref)
            except BadInput as error:
                changed.left.append(Left(one.ref, error.code, str(error)))
    return changed, found[-1].ref.id if len(found) == aside.BATCH else None


def _locked(runtime: Runtime, tx: Transaction, rows: Sequence[Aside]) -> list[Aside]:
    """Those that are still set aside; people before what is owed to them, as everywhere."""
    owners = {getattr(one.row, "customer_id", None) for one in rows} - {None}
    customers.lock(runtime.store, tx, [str(owner) for owner in owners])
    return aside.still_aside(runtime.store, tx, rows)


class _Retry:
    """Owes rows again, some of them each second."""

    def __init__(self, runtime: Runtime, even_if_doubled: bool) -> None:
        self._runtime = runtime
        self._even_if_doubled = even_if_doubled
        self._begun: datetime | None = None
        self._number = 0

    def __call__(self, tx: Transaction, one: Aside) -> None:
        now = self._moment(tx)
        change = {"state": OWED, "attempts": 0, "reason": None, "next_at": now}
        if one.ref.table == "outbox":
            change |= self._outward(tx, one, now)
        else:
            _check_known(self._runtime, one)
        self._number += 1
        settle(tx, aside.TABLES[one.ref.table], [{"id": one.ref.id, **change}])
        _note(self._runtime, tx, one, "retried", "It was owed again by hand.")
        if change["state"] == OWED and change["next_at"] == self._begun:
            owes(tx, [one.row.lane])

    def _moment(self, tx: Transaction) -> datetime:
        self._begun = self._begun or self._runtime.store.moment(tx)
        return self._begun + timedelta(seconds=self._number // PER_SECOND)

    def _outward(self, tx: Transaction, one: Aside, now: datetime) -> dict[str, Any]:
        """What outward work takes besides, by its kind."""
        desk = _desk(self._runtime, one)
        change: dict[str, Any] = {}
        if one.may_be_done and desk.duplicates == "none" and not desk.repeats:
            if not self._even_if_doubled:
                raise BadInput(
                    f"{one.ref} may have arrived, and {one.account} cannot tell. Look there, or ask the customer; then "
                    "drop it, or retry it with --even-if-doubled.",
                    code="may_be_doubled",
                )
            change["marked_at"] = None
        if one.kind in (AsideKind.ENTRY, AsideKind.TASK) and _waits(self._runtime, tx, one):
            change["state"] = WAITING
        if one.is_invitation:
            change["next_at"] = _ask_again(self._runtime, tx, one, now)
        return change


def _waits(runtime: Runtime, tx: Transaction, one: Aside) -> bool:
    """Whether it must wait for its customer's person, who is owed again with it."""
    return bool(owe_people(runtime.store, tx, runtime.crm.name, [one.row.customer_id]))


def _ask_again(runtime: Runtime, tx: Transaction, one: Aside, now: datetime) -> datetime:
    """When the question of an invitation that failed goes out after all: the customer's rules hold as ever."""
    invitation = invitations.by_ids(tx, [one.row.subject_id]).get(one.row.subject_id)
    if invitation is None or invitation.state not in (InvitationState.FAILED, InvitationState.SCHEDULED):
        state = invitation.state if invitation is not None else "gone"
        raise BadInput(f"{one.ref} need not go out: its invitation is {state}. Drop it.", code="invitation_over")
    decision = reconsider(runtime, tx, invitation, counted=one.may_be_done)
    if decision.verdict is Verdict.SKIP:
        raise BadInput(f"{one.ref} must not go out any more. {decision.text} Drop it.", code="invitation_over")
    if decision.verdict is Verdict.HOLD and decision.until is None:
        raise BadInput(f"{one.ref} must not go out now. {decision.text} Retry it then.", code="invitation_held")
    at = max(now, decision.until or now)
    state = InvitationState.SCHEDULED.value
    invitations.change(tx, [invitation.id], state=state, reason=None, decided_at=at)
    return at


class _Drop:
    """Ends rows for good."""

    def __init__(self, runtime: Runtime, note: str, was_done: bool) -> None:
        self._runtime = runtime
        self._said = f"Dropped by hand: {note}" if note else "Dropped by hand."
        self._was_done = was_done

    def __call__(self, tx: Transaction, one: Aside) -> None:
        if one.kind is AsideKind.LOOK:
            raise BadInput(
                f"{one.ref} is a look of our own: what it looks at would wait for ever. Mend the cause, or upgrade; "
                "then retry it.",
                code="look_not_droppable",
            )
        if one.kind is AsideKind.TASK:
            self._end_task(tx, one)
        if one.is_invitation:
            _fail(tx, str(one.row.subject_id))
        reason = reason_of(f"{self._said}\nIt was set aside: {one.row.reason or ''}")
        settle(tx, aside.TABLES[one.ref.table], [{"id": one.ref.id, "state": CANCELLED, "reason": reason}])
        _note(self._runtime, tx, one, "dropped", self._said)

    def _end_task(self, tx: Transaction, one: Aside) -> None:
        """What a customer was promised does not go away with its task: a person says that it was done."""
        task = cases.task(tx, one.key)
        if task is None or task.done_at is not None or task.deleted_at is not None:
            return
        if not self._was_done:
            raise BadInput(
                f"{one.ref} is a task that is owed to a customer. Retry it; or, once somebody has done what it asks "
                "for, drop it with --was-done.",
                code="task_open",
            )
        at = self._runtime.clock.now()
        cases.change_task(tx, task.id, done_at=at)
        task_done(self._runtime, tx, task, at)


def _fail(tx: Transaction, invitation_id: str) -> None:
    """An invitation does not wait for a message that is dropped."""
    found = invitations.by_ids(tx, [invitation_id]).get(invitation_id)
    if found is not None and found.state == InvitationState.SCHEDULED:
        invitations.change(tx, [invitation_id], state=InvitationState.FAILED.value, reason="not_sent")


def _check_known(runtime: Runtime, one: Aside) -> None:
    """Refuses what nobody would work on."""
    if one.kind is AsideKind.LOOK and one.row.lane not in DUE:
        raise BadInput(f"{one.ref} belongs to {one.row.lane}, which this version does not know.", code="lane_unknown")
    if one.kind is AsideKind.RECORD and runtime.inbound(str(one.account)) is None:
        raise _nobody(one)


def _desk(runtime: Runtime, one: Aside) -> Desk:
    desk = desk_of(runtime, str(one.account), one.kind)
    if one.kind is AsideKind.HOOK:
        listeners = runtime.hooks.listeners(one.row.body["hook"])
        desk = desk if str(one.account).removeprefix(PREFIX) in listeners else None
    if desk is None:
        raise _nobody(one)
    return desk


def _nobody(one: Aside) -> BadInput:
    message = f"{one.ref} belongs to {one.account!r}, which is configured no more. Configure it again, or drop the row."
    return BadInput(message, code="account_unknown")


def _note(runtime: Runtime, tx: Transaction, one: Aside, verdict: str, text: str) -> None:
    """The ledger of its customer tells of it, where it is anybody's."""
    customer_id = one.row.customer_id if one.ref.table == "outbox" else None
    if customer_id is not None:
        subject = "invitation" if one.is_invitation else one.kind.value
        decisions.note(
            runtime.store, tx, customer_id, subject, (one.row.subject_id or one.key)[:26],
            rule="operator", verdict=verdict, reason=verdict, text=text,
        )  # fmt: skip
