"""The closed loop: an unhappy answer becomes a case with promises and a task; solved is asked about; then closed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from cxsdk.domain.case import CaseState, PromiseKind
from cxsdk.domain.ids import stable_id
from cxsdk.domain.survey import InvitationState, Survey
from cxsdk.domain.surveys import CLOSING
from cxsdk.journeys import tasks
from cxsdk.journeys.asking import CLOSING_KIND, look_again
from cxsdk.journeys.briefing import Answer, case_text, case_title
from cxsdk.journeys.business import LANE, skip
from cxsdk.journeys.runtime import Runtime
from cxsdk.journeys.told import tell
from cxsdk.policy.cases import CaseEvent, Follow, after
from cxsdk.policy.promises import Promise
from cxsdk.store import Transaction, cases, customers, decisions, invitations
from cxsdk.store.work import schedule, unschedule

#: The lane of promises whose time is over, and of cases whose closing question nobody answered.
PROMISE_LANE, CASE_LANE = "due:promise", "due:case"


def unhappy(
    runtime: Runtime, tx: Transaction, invitation: Row[Any], survey: Survey, answer: Answer, case_id: str | None,
    *, again: bool,
) -> str:  # fmt: skip
    """Opens a case for an answer, joins the one that is open, or updates the case that the answer belongs to.

    ``again``: what is new of the answer is unhappy, or a wish to be contacted.
    """
    briefed = _Briefed(invitation, survey, answer)
    known = cases.get(tx, case_id) if case_id else None
    is_over = known is None or known.state == CaseState.CLOSED
    case = cases.active(tx, invitation.customer_id) or known if is_over else known
    if case is None:
        return _open(runtime, tx, briefed)
    if case_id is None or again:
        event = CaseEvent.RENEWED if case.id == case_id else CaseEvent.JOINED
        step(runtime, tx, case, event, runtime.clock.now(), briefed)
    else:
        _update_task(runtime, tx, case, briefed)
    _contact_wanted(runtime, tx, case, briefed)
    return str(case.id)


@dataclass(frozen=True)
class _Briefed:
    """The answer that an agent is to be told of."""

    invitation: Row[Any]
    survey: Survey
    answer: Answer


def _open(runtime: Runtime, tx: Transaction, briefed: _Briefed) -> str:
    now = runtime.clock.now()
    customer_id = briefed.invitation.customer_id
    case_id = stable_id("case", briefed.invitation.id)
    row = {"id": case_id, "customer_id": customer_id, "state": CaseState.OPEN.value, "opened_at": now, "round": 1}
    cases.add(tx, row)
    reason = "contact_wanted" if briefed.answer.contact is not None else "unhappy"
    text = "The customer asks to be contacted." if reason == "contact_wanted" else "The answer was unhappy."
    _note(runtime, tx, row, "open", reason, text)
    opened = cases.get(tx, case_id)
    _promise(runtime, tx, opened, now)
    _new_task(runtime, tx, opened, briefed)
    told = {"case_id": case_id, "customer_id": customer_id, "reason": reason}
    tell(runtime, tx, "on_case_opened", case_id, told)
    return case_id


def step(
    runtime: Runtime, tx: Transaction, case: Any, event: CaseEvent, at: datetime, briefed: _Briefed | None = None
) -> None:
    """Moves a case on by what happened, and does what must follow."""
    taken = after(CaseState(case.state), event)
    if taken.state.value != case.state:
        cases.change(tx, case.id, state=taken.state.value)
        text = f"The case was {case.state} and is {taken.state.value} now."
        _note(runtime, tx, case, taken.state.value, event.value, text)
    case = cases.get(tx, case.id)
    for follow in taken.follow:
        _FOLLOWS[follow](runtime, tx, case, at, briefed)


def task_done(runtime: Runtime, tx: Transaction, task: Any, at: datetime) -> None:
    """An agent finished a task: the case it belongs to is solved, or the missed call returned."""
    if task.promise_id is not None:
        cases.keep(tx, [task.promise_id], at)
    case = cases.get(tx, task.case_id) if task.case_id is not None else None
    if case is not None and task.id in (_task_id(case), stable_id("task", _task_id(case), "again")):
        step(runtime, tx, case, CaseEvent.TASK_DONE, at)


def contacted(runtime: Runtime, tx: Transaction, customer_id: str, at: datetime) -> None:
    """A person got in touch with a customer, after the case was opened."""
    case = cases.active(tx, customer_id)
    if case is not None and at >= case.opened_at:
        step(runtime, tx, case, CaseEvent.CONTACTED, at)


def closing_answered(runtime: Runtime, tx: Transaction, invitation: Row[Any], answer: Answer) -> None:
    """The customer says whether it is solved; what they say of another round of the case changes nothing."""
    asked_of = (case for case in cases.of_customer(tx, invitation.customer_id) if invitation.id == _closing_id(case))
    case = next(asked_of, None)
    solved = answer.answers.get("solved")
    if case is not None and solved is not None:
        step(runtime, tx, case, CaseEvent.CONFIRMED if solved else CaseEvent.DENIED, runtime.clock.now())


def close_unanswered(runtime: Runtime, tx: Transaction, ids: Sequence[str]) -> None:
    """Closes cases whose closing question nobody answered in time."""
    found = cases.by_ids(tx, ids)
    customers.locked(runtime.store, tx, [case.customer_id for case in found])
    for case in cases.by_ids(tx, ids):
        step(runtime, tx, case, CaseEvent.UNANSWERED, runtime.clock.now())


def break_promises(runtime: Runtime, tx: Transaction, ids: Sequence[str]) -> None:
    """Promises whose time is over and that nobody kept are broken: the task turns urgent, plugins are told."""
    customers.locked(runtime.store, tx, [promise.customer_id for promise in cases.promises_by_ids(tx, ids)])
    for promise in cases.promises_by_ids(tx, ids):
        if promise.kept_at is None and promise.broken_at is None:
            _break(runtime, tx, promise, runtime.clock.now())


def _break(runtime: Runtime, tx: Transaction, promise: Any, now: datetime) -> None:
    cases.broke(tx, promise.id, now)
    decisions.note(
        runtime.store, tx, promise.customer_id, "promise", promise.id, rule="promise", verdict="broken",
        reason=f"{promise.kind}_late", text=f"Nobody kept the promise to {_SAID[PromiseKind(promise.kind)]} in time.",
    )  # fmt: skip
    told = {"promise_id": promise.id, "customer_id": promise.customer_id, "kind": promise.kind}
    tell(runtime, tx, "on_promise_broken", promise.id, told)
    mine = {"case_id": promise.case_id} if promise.case_id is not None else {"promise_id": promise.id}
    task = cases.open_task(tx, **mine)
    if task is not None and not task.urgent:
        tasks.update(runtime, tx, task.id, urgent=True)


_SAID = {
    PromiseKind.CONTACT: "get in touch",
    PromiseKind.SOLVE: "solve it",
    PromiseKind.CALL_BACK: "call back",
}


def make_promise(
    runtime: Runtime, tx: Transaction, kind: PromiseKind, customer_id: str, key: str, at: datetime, within: timedelta,
    *, case_id: str | None = None,
) -> str:  # fmt: skip
    """Promises something to a customer, once for its key, and starts the clock."""
    promise_id = stable_id("promise", kind, key)
    promise = Promise.made(kind, at, within)
    row = {
        "id": promise_id, "customer_id": customer_id, "case_id": case_id, "kind": kind.value,
        "made_at": promise.made_at, "due_at": promise.due_at,
    }  # fmt: skip
    if cases.promise(tx, row):
        schedule(tx, runtime.store, PROMISE_LANE, promise_id, promise.late_from)
    return promise_id


def _promise(runtime: Runtime, tx: Transaction, case: Any, at: datetime) -> None:
    follow_up, key = runtime.policy.follow_up, f"{case.id}:{case.round}"
    for kind, within in (
        (PromiseKind.CONTACT, follow_up.contact_within),
        (PromiseKind.SOLVE, follow_up.solve_within),
    ):
        make_promise(runtime, tx, kind, case.customer_id, key, at, within, case_id=case.id)


def _contact_wanted(runtime: Runtime, tx: Transaction, case: Any, briefed: _Briefed) -> None:
    """A wish to be contacted starts a contact promise where none runs, whatever the state."""
    if briefed.answer.contact is None or cases.unkept(tx, [case.customer_id], [PromiseKind.CONTACT]):
        return
    now = runtime.clock.now()
    asked_before = any(p.id == stable_id("promise", PromiseKind.CONTACT, briefed.invitation.id) for p in
                       cases.promises_of(tx, case.id))  # fmt: skip
    if not asked_before:
        within = runtime.policy.follow_up.contact_within
        make_promise(
            runtime, tx, PromiseKind.CONTACT, case.customer_id, briefed.invitation.id, now, within, case_id=case.id
        )


def _keep(kind: PromiseKind) -> Callable[..., None]:
    def keep(_: Runtime, tx: Transaction, case: Any, at: datetime, __: _Briefed | None) -> None:
        at = max(at, case.opened_at)  # a CRM's clock may be slow
        made = [p for p in cases.promises_of(tx, case.id) if p.kind == kind and p.kept_at is None]
        # A wish that came after the work is not met by it: that promise runs on
        cases.keep(tx, [p.id for p in made if p.made_at <= at], at)

    return keep


def _new_round(runtime: Runtime, tx: Transaction, case: Any, at: datetime, _: _Briefed | None) -> None:
    cases.change(tx, case.id, round=case.round + 1, closed_at=None, outcome=None)
    unschedule(tx, CASE_LANE, case.id)
    _promise(runtime, tx, cases.get(tx, case.id), runtime.clock.now())


def _follow_new_task(runtime: Runtime, tx: Transaction, case: Any, at: datetime, briefed: _Briefed | None) -> None:
    _new_task(runtime, tx, cases.get(tx, case.id), briefed)


def _new_task(runtime: Runtime, tx: Transaction, case: Any, briefed: _Briefed | None) -> None:
    told = (briefed.invitation, briefed.survey, briefed.answer) if briefed else None
    row = {
        "id": _task_id(case),
        "customer_id": case.customer_id,
        "case_id": case.id,
        "title": case_title(runtime, case, told),
        "text": case_text(runtime, tx, case, told),
        "due_at": runtime.clock.now() + runtime.policy.follow_up.contact_within,
    }
    tasks.create(runtime, tx, row)


def _follow_update(runtime: Runtime, tx: Transaction, case: Any, at: datetime, briefed: _Briefed | None) -> None:
    if briefed is not None:
        _update_task(runtime, tx, case, briefed)


def _update_task(runtime: Runtime, tx: Transaction, case: Any, briefed: _Briefed) -> None:
    """The open task tells what has become known."""
    task = cases.open_task(tx, case_id=case.id)
    if task is None:
        return
    told = (briefed.invitation, briefed.survey, briefed.answer)
    own = case.id == stable_id("case", briefed.invitation.id)
    fresh = case_text(runtime, tx, case, told)
    text = _joined(task.text, "" if own else briefed.invitation.id, fresh)
    tasks.update(runtime, tx, task.id, text=text, title=case_title(runtime, case, told) if own else task.title)


#: What stands in a task's text above each answer that joined the case: its invitation's id.
_JOINED = re.compile(r"\n\n--- ([a-z2-7]{26}) ---\n")


def _joined(text: str, mark: str, fresh: str) -> str:
    """The task's text with one answer's part in place of what it was before; the others, below each other, stay.

    The part of the answer that opened the case has no mark and stands first.
    """
    own, *others = _JOINED.split(text)
    parts = {"": own, **dict(zip(others[::2], others[1::2], strict=True)), mark: fresh}
    return parts.pop("") + "".join(f"\n\n--- {mark} ---\n{part}" for mark, part in parts.items())


def _ask_closing(runtime: Runtime, tx: Transaction, case: Any, at: datetime, _: _Briefed | None) -> None:
    """Straight after solving (source E): whether it is solved, and what that did to their opinion."""
    now = runtime.clock.now()
    within = runtime.policy.follow_up.confirm_within
    cases.change(tx, case.id, solved_at=at)
    closing_id = _closing_id(case)
    row = {
        "id": closing_id,
        "token": runtime.signer.token_for(closing_id),
        "kind": CLOSING_KIND,
        "survey": CLOSING.name,
        "version": CLOSING.version,
        "customer_id": case.customer_id,
        "trigger_id": _round_id(case),
        "state": InvitationState.SCHEDULED.value,
        "not_before": now,
        "not_after": now + within,
    }
    if invitations.add(tx, [row]):
        schedule(tx, runtime.store, LANE, closing_id, now)
    schedule(tx, runtime.store, CASE_LANE, case.id, now + within)


def _drop_closing(runtime: Runtime, tx: Transaction, case: Any, at: datetime, _: _Briefed | None) -> None:
    for invitation in invitations.pending(tx, case.customer_id):
        if invitation.kind == CLOSING_KIND:
            skip(runtime, tx, invitation, "case", "reopened", "The case is open again.")


def _record(outcome: str) -> Callable[..., None]:
    def record(runtime: Runtime, tx: Transaction, case: Any, at: datetime, _: _Briefed | None) -> None:
        if case.outcome == outcome:
            return
        cases.change(tx, case.id, outcome=outcome, closed_at=at)
        unschedule(tx, CASE_LANE, case.id)
        look_again(runtime, tx, case.customer_id)
        told = {"case_id": case.id, "customer_id": case.customer_id, "outcome": outcome}
        tell(runtime, tx, "on_case_closed", f"{case.id}:{case.round}:{outcome}", told)

    return record


def _open_new(runtime: Runtime, tx: Transaction, case: Any, at: datetime, briefed: _Briefed | None) -> None:
    if briefed is not None:
        _open(runtime, tx, briefed)


_FOLLOWS: Mapping[Follow, Callable[..., None]] = {
    Follow.KEEP_CONTACT: _keep(PromiseKind.CONTACT),
    Follow.KEEP_SOLVE: _keep(PromiseKind.SOLVE),
    Follow.NEW_PROMISES: _new_round,
    Follow.NEW_TASK: _follow_new_task,
    Follow.UPDATE_TASK: _follow_update,
    Follow.ASK_CLOSING: _ask_closing,
    Follow.DROP_CLOSING: _drop_closing,
    Follow.RECORD_CONFIRMED: _record("confirmed"),
    Follow.RECORD_UNCONFIRMED: _record("unconfirmed"),
    Follow.NEW_CASE: _open_new,
}


def _task_id(case: Any) -> str:
    return stable_id("task", case.id, case.round)


def _closing_id(case: Any) -> str:
    return stable_id("closing", case.id, case.round)


def _round_id(case: Any) -> str:
    return stable_id("round", case.id, case.round)


def _note(runtime: Runtime, tx: Transaction, case: Any, verdict: str, reason: str, text: str) -> None:
    about = case if isinstance(case, dict) else {"id": case.id, "customer_id": case.customer_id}
    decisions.note(
        runtime.store, tx, about["customer_id"], "case", about["id"],
        rule="case", verdict=verdict, reason=reason, text=text,
    )  # fmt: skip
