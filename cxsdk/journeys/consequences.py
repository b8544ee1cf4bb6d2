"""What follows from contacts: promises kept by getting in touch, missed calls to return, a plain "stop" or "start"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cxsdk.domain.case import PromiseKind
from cxsdk.domain.durations import spoken
from cxsdk.domain.ids import stable_id
from cxsdk.domain.interaction import CallState, Direction, Interaction, Kind
from cxsdk.domain.wording import duration_text
from cxsdk.journeys import tasks
from cxsdk.journeys.cases import contacted, make_promise
from cxsdk.journeys.optout import note_wish, wish_in
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction, cases, decisions
from cxsdk.store.interactions import Known

#: Kinds in which a customer writes.
_WRITTEN = (Kind.EMAIL, Kind.MESSAGE, Kind.CHAT)
#: A call back for an older call would only surprise: it is logged, not returned.
HISTORY = timedelta(days=1)


def draw(runtime: Runtime, tx: Transaction, touched: Sequence[Known]) -> None:
    """Does what follows from contacts that are new or changed; doing it again changes nothing."""
    verdicts: list[decisions.Verdict] = []
    for known in sorted(touched, key=lambda known: (known.interaction.at, known.id)):
        contact = known.interaction
        if contact.is_missed and contact.ended_at is not None:
            verdicts += _owe_call_back(runtime, tx, known, contact.ended_at)
        elif known.before is not None and known.before.is_missed:
            _no_call_back(runtime, tx, known)
        if contact.direction is Direction.INBOUND and contact.kind in _WRITTEN:
            _heed_wish(runtime, tx, known)
    decisions.note_all(runtime.store, tx, verdicts)
    _keep_promises(runtime, tx, touched)


def _heed_wish(runtime: Runtime, tx: Transaction, known: Known) -> None:
    """A message of the one word "stop" opts out, of the one word "start" back in; nobody is opted in by a machine."""
    contact = known.interaction
    opted_out = wish_in(contact.text)
    if opted_out or (opted_out is False and not contact.automatic):
        written_at = max(fact.at for fact in known.facts if fact.text)  # an edited message says it when it was edited
        note_wish(runtime, tx, known.customer_id, opted_out=opted_out, at=written_at, how=known.account)


def _keep_promises(runtime: Runtime, tx: Transaction, touched: Sequence[Known]) -> None:
    """The first contact of a person keeps what was promised before it."""
    talks: dict[str, list[tuple[datetime, bool]]] = {}
    for known in touched:
        at = reached_at(known.interaction)
        if at is not None:
            outbound = known.interaction.direction is Direction.OUTBOUND
            talks.setdefault(known.customer_id, []).append((at, outbound))
    if not talks:
        return
    for promise in cases.unkept(tx, talks, [PromiseKind.CONTACT, PromiseKind.CALL_BACK]):
        is_call = promise.kind == PromiseKind.CALL_BACK
        fitting = [at for at, outbound in talks[promise.customer_id] if at >= promise.made_at and (outbound or is_call)]
        if fitting and is_call:
            tasks.call_back_done(runtime, tx, promise, min(fitting))
        elif fitting:
            cases.keep(tx, [promise.id], min(fitting))
            contacted(runtime, tx, promise.customer_id, min(fitting))


def reached_at(contact: Interaction) -> datetime | None:
    """When a person of ours reached the customer, or was reached by them; None where neither happened.

    An automatic message is no person's, and a call that nobody took reached nobody.
    """
    if contact.automatic:
        return None
    if contact.kind is Kind.CALL:
        talked = contact.state in (CallState.ANSWERED, CallState.ENDED)
        return (contact.answered_at or contact.at) if talked else None
    return contact.at if contact.direction is Direction.OUTBOUND else None


def _owe_call_back(runtime: Runtime, tx: Transaction, known: Known, at: datetime) -> list[decisions.Verdict]:
    """A missed call is returned within minutes (source M); while one is owed, another one adds nothing."""
    age = runtime.clock.now() - at
    if age > HISTORY:
        return [_no_task(known, "history", f"the call was {spoken(timedelta(days=age.days))} old")]
    if not known.interaction.customer:
        return [_no_task(known, "number_withheld", "the caller withheld the number")]
    owed = cases.unkept(tx, [known.customer_id], [PromiseKind.CALL_BACK])
    open_for = [promise.id for promise in owed if cases.open_task(tx, promise_id=promise.id)]
    if open_for:
        is_own = stable_id("promise", PromiseKind.CALL_BACK, known.id) in open_for
        return [] if is_own else [_no_task(known, "call_back_owed", "a call back is owed already")]
    return [_call_back(runtime, tx, known, at)]


def _call_back(runtime: Runtime, tx: Transaction, known: Known, at: datetime) -> decisions.Verdict:
    policy, contact = runtime.policy, known.interaction
    within = policy.follow_up.call_back_within
    promise_id = make_promise(runtime, tx, PromiseKind.CALL_BACK, known.customer_id, known.id, at, within)
    task_id = stable_id("task", promise_id)
    said = duration_text(within, policy.language, policy.texts)
    row = {
        "id": task_id,
        "customer_id": known.customer_id,
        "promise_id": promise_id,
        "title": policy.say("task.missed_call.title", within=said, phone=contact.customer[0].value),
        "text": policy.say("task.missed_call.text", at=f"{contact.at:%Y-%m-%d %H:%M} UTC"),
        "due_at": at + within,
    }
    tasks.create(runtime, tx, row)
    text = f"The call of {contact.at:%Y-%m-%d %H:%M} UTC was missed: to be returned within {spoken(within)}."
    return decisions.Verdict(known.customer_id, "task", task_id, "call_back", "create", "missed_call", text)


def _no_task(known: Known, reason: str, why: str) -> decisions.Verdict:
    text = f"No task: {why}."
    return decisions.Verdict(known.customer_id, "call", known.id, "call_back", "skip", reason, text)


def _no_call_back(runtime: Runtime, tx: Transaction, known: Known) -> None:
    """It turned out that the call had been answered: nothing is owed for it."""
    promise = cases.promise_by_id(tx, stable_id("promise", PromiseKind.CALL_BACK, known.id))
    if promise is not None and promise.kept_at is None:
        tasks.call_back_done(runtime, tx, promise, known.interaction.answered_at or known.interaction.at)
