"""What an agent reads in a task: who, what was answered, which order, what was promised, what happened before.

A case holds everything, so that the agent searches for nothing (sources E and M).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from cxsdk.domain.case import CaseState, PromiseKind
from cxsdk.domain.interaction import Kind
from cxsdk.domain.survey import ContactRequest, Survey
from cxsdk.domain.wording import answer_text, duration_text, questionnaire, survey_title
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction, cases, customers
from cxsdk.store.interactions import known_from
from cxsdk.store.tables import events, interactions

#: How many of the latest contacts a task tells of.
HISTORY = 5
#: How much of a contact's text is told, in characters.
GLIMPSE = 120


@dataclass(frozen=True)
class Answer:
    """What a customer has said so far to one invitation."""

    answers: Mapping[str, int | str]
    contact: ContactRequest | None = None


#: An invitation, its survey, and what was said to it.
Told = tuple[Row[Any], Survey, Answer]


def case_title(runtime: Runtime, case: Any, told: Told | None) -> str:
    """What the task list shows."""
    policy = runtime.policy
    within = duration_text(policy.follow_up.contact_within, policy.language, policy.texts)
    if told is None or case.state == CaseState.REOPENED.value:
        return policy.say("task.reopened.title", within=within)
    answer = _graded(runtime, told)
    if answer is None or told[2].contact is not None:
        return policy.say("task.contact.title", within=within)
    return policy.say("task.unhappy.title", within=within, answer=answer)


def case_text(runtime: Runtime, tx: Transaction, case: Any, told: Told | None) -> str:
    """The whole case in words."""
    parts = [
        _customer(tx, case.customer_id),
        _answered(runtime, told) if told else runtime.policy.say("case.not_solved"),
        _order(runtime, tx, case.customer_id, told),
        _promised(runtime, tx, case),
        _history(runtime, tx, case.customer_id),
        runtime.policy.say("case.done"),
    ]
    return "\n\n".join(part for part in parts if part)


def _graded(runtime: Runtime, told: Told) -> str | None:
    _, survey, answer = told
    asked = survey.score_question
    score = answer.answers.get(asked.id) if asked is not None else None
    if asked is None or asked.scale is None or not isinstance(score, int):
        return None
    return answer_text(asked.scale, score, runtime.policy.language, runtime.policy.texts)


def _customer(tx: Transaction, customer_id: str) -> str:
    row = customers.current(tx, customer_id)
    known = [i.value for i in customers.identities_of(tx, [customer_id]).get(customer_id, [])]
    return ", ".join(part for part in [row.name if row is not None else "", *known] if part)


def _answered(runtime: Runtime, told: Told) -> str:
    invitation, survey, answer = told
    policy = runtime.policy
    title = survey_title(survey.name, policy.language, policy.texts)
    lines = [policy.say("case.survey", survey=title, at=_minute(invitation.sent_at or invitation.not_before))]
    if answer.contact is not None:
        lines.append(policy.say("case.contact"))
        if answer.contact.phone:
            lines.append(policy.say("entry.phone", phone=answer.contact.phone))
        if answer.contact.hours:
            lines.append(policy.say("entry.hours", hours=answer.contact.hours))
    asked = questionnaire(survey, answer.answers, policy.language, policy.texts, company=policy.company)
    return "\n".join(lines) + "\n\n" + asked


def _order(runtime: Runtime, tx: Transaction, customer_id: str, told: Told | None) -> str:
    """The order that the survey asked about, else the latest one."""
    mine = select(events).where(events.c.customer_id == customer_id, events.c.order.is_not(None))
    if told is not None and told[0].order is not None:
        mine = mine.where(events.c.order == told[0].order)
    found = tx.execute(mine.order_by(events.c.at.desc())).first()
    if found is None:
        return runtime.policy.say("case.order_unknown")
    return runtime.policy.say("case.order", order=found.order, date=found.at.date().isoformat())


def _promised(runtime: Runtime, tx: Transaction, case: Any) -> str:
    due = {promise.kind: promise.due_at for promise in cases.promises_of(tx, case.id)}
    if PromiseKind.CONTACT not in due or PromiseKind.SOLVE not in due:
        return ""
    return runtime.policy.say(
        "case.promise", contact_by=_minute(due[PromiseKind.CONTACT]), solve_by=_minute(due[PromiseKind.SOLVE])
    )


def _history(runtime: Runtime, tx: Transaction, customer_id: str) -> str:
    latest = select(interactions).where(interactions.c.customer_id == customer_id)
    rows = tx.execute(latest.order_by(interactions.c.at.desc()).limit(HISTORY)).all()
    return "\n".join(_glimpse(runtime, row) for row in reversed(rows))


def _glimpse(runtime: Runtime, row: Any) -> str:
    say = runtime.policy.say
    contact = known_from(row, Kind(row.kind)).interaction
    state = say(f"contact.{contact.state}") if contact.state is not None else ""
    said = " ".join((contact.subject or contact.text or contact.comment or state).split())
    kind, direction = say(f"contact.{row.kind}"), say(f"contact.{row.direction}")
    return say("case.past", at=_minute(row.at), kind=kind, direction=direction, said=said[:GLIMPSE]).rstrip(": ")


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
