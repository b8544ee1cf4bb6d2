"""Answers: each part adds to what was said before; an unhappy score or a wish to be contacted opens a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from cxsdk.domain.identity import Confidence, phone
from cxsdk.domain.ids import stable_id
from cxsdk.domain.interaction import Direction
from cxsdk.domain.survey import Category, ContactRequest, InvitationState, Response, Survey
from cxsdk.domain.wording import answer_text
from cxsdk.errors import BadInput
from cxsdk.journeys import cases
from cxsdk.journeys.asking import CLOSING_KIND
from cxsdk.journeys.briefing import Answer
from cxsdk.journeys.entries import survey_entry
from cxsdk.journeys.people import owe_people
from cxsdk.journeys.runtime import Runtime
from cxsdk.journeys.told import tell
from cxsdk.store import Transaction, customers, invitations, outbox

#: Names that stand for the survey's score question and its free text, whatever their ids.
SCORE, COMMENT = "score", "comment"


def fold_responses(runtime: Runtime, tx: Transaction, account: str, facts: Sequence[Response]) -> list[str | None]:
    """Folds answers and parts of answers; one to an invitation that we never made is set aside."""
    return [_fold(runtime, tx, fact) for fact in facts]


def _fold(runtime: Runtime, tx: Transaction, fact: Response) -> str:
    invitation = invitations.by_token(tx, fact.invitation)
    survey = runtime.policy.survey(invitation.survey) if invitation is not None else None
    if invitation is None or survey is None:
        raise BadInput("There is no such invitation.", field="invitation", code="invitation_unknown")
    customers.locked(runtime.store, tx, [invitation.customer_id])
    before = invitations.response(runtime.store, tx, invitation.id)
    parts = {part["key"]: part for part in (before.parts if before else ())}
    if fact.key not in parts:
        parts[fact.key] = _checked(fact, survey).model_dump(mode="json")
        _save(runtime, tx, invitation, survey, before, list(parts.values()))
    return str(invitation.customer_id)


def _checked(fact: Response, survey: Survey) -> Response:
    """The answer under the survey's own question ids, with every grade on its scale."""
    asked = survey.score_question
    names = {SCORE: asked.id} if asked is not None else {}
    answers = {names.get(id, id): said for id, said in fact.answers.items() if said is not None}
    for question in survey.questions:
        said = answers.get(question.id)
        if question.scale is not None and said is not None and said not in question.scale.grades:
            grades = question.scale.grades
            raise BadInput(
                f"is not on the scale from {grades[0]} to {grades[-1]}.",
                field=f"answers.{question.id}",
                code="score_invalid",
            )
    return fact.model_copy(update={"answers": answers})


def _save(
    runtime: Runtime, tx: Transaction, invitation: Row[Any], survey: Survey, before: Any, parts: list[dict[str, Any]]
) -> None:
    parts.sort(key=lambda part: (datetime.fromisoformat(part["at"]), part["key"]))
    answer = _folded(parts)
    asked = survey.score_question
    score = answer.answers.get(asked.id) if asked is not None else None
    case_id = _follow_up(runtime, tx, invitation, survey, answer, before)
    row = {
        "invitation_id": invitation.id,
        "customer_id": invitation.customer_id,
        "survey": survey.name,
        "scale": asked.scale.value if asked is not None and asked.scale is not None else "",
        "score": score if isinstance(score, int) else None,
        "answers": dict(answer.answers),
        "parts": parts,
        "at": datetime.fromisoformat(parts[0]["at"]),
        "revision": (before.revision if before else 0) + 1,
        "case_id": case_id,
    }
    invitations.save_response(runtime.store, tx, row)
    invitations.change(tx, [invitation.id], state=InvitationState.ANSWERED.value, reason=None)
    _take_phone(runtime, tx, invitation.customer_id, answer.contact)
    _log(runtime, tx, invitation, survey, answer, row)


def _folded(parts: Sequence[Mapping[str, Any]]) -> Answer:
    """All parts together: of a question answered twice the later word holds, and a wish to be contacted stays."""
    answers: dict[str, int | str] = {}
    contact: ContactRequest | None = None
    for part in parts:
        answers |= part["answers"]
        if part["contact"] is not None:
            contact = ContactRequest(**part["contact"])
    return Answer(answers, contact)


def _follow_up(
    runtime: Runtime, tx: Transaction, invitation: Row[Any], survey: Survey, answer: Answer, before: Any
) -> str | None:
    """What the answer does to cases; returns the case that it belongs to."""
    if invitation.kind == CLOSING_KIND:
        cases.closing_answered(runtime, tx, invitation, answer)
        return None
    asked = survey.score_question
    score = answer.answers.get(asked.id) if asked is not None else None
    scale = asked.scale if asked is not None else None
    is_unhappy = scale is not None and isinstance(score, int) and scale.category(score) is Category.UNHAPPY
    case_id = before.case_id if before else None
    if case_id is not None or is_unhappy or answer.contact is not None:
        return cases.unhappy(runtime, tx, invitation, survey, answer, case_id)
    return None


def _take_phone(runtime: Runtime, tx: Transaction, customer_id: str, contact: ContactRequest | None) -> None:
    """A number that somebody typed is perhaps theirs; what is no number stays in the task's text."""
    if contact is not None and contact.phone:
        try:
            typed = phone(contact.phone).model_copy(update={"confidence": Confidence.MAYBE})
        except BadInput:
            return
        customers.give_identity(runtime.store, tx, customer_id, typed)


def _log(
    runtime: Runtime, tx: Transaction, invitation: Row[Any], survey: Survey, answer: Answer, row: Mapping[str, Any]
) -> None:
    text = entry_text(runtime, survey, answer)
    waits = bool(owe_people(runtime.store, tx, runtime.crm.name, [invitation.customer_id]))
    key = stable_id("answer", invitation.id)
    entry = survey_entry(
        runtime, key, invitation.customer_id, Direction.INBOUND, text, waits=waits, revision=row["revision"],
        account=invitation.provider or "",
    )  # fmt: skip
    outbox.owe(runtime.store, tx, [entry])
    told = {
        "invitation_id": invitation.id, "customer_id": invitation.customer_id, "survey": survey.name,
        "score": row["score"],
    }  # fmt: skip
    tell(runtime, tx, "on_response_received", f"{invitation.id}:{row['revision']}", told)


def entry_text(runtime: Runtime, survey: Survey, answer: Answer) -> str:
    """What an agent reads of an answer on the timeline."""
    say, language = runtime.policy.say, runtime.policy.language
    asked = survey.score_question
    score = answer.answers.get(asked.id) if asked is not None else None
    comment = str(answer.answers.get(COMMENT) or "")
    lines = []
    if asked is not None and asked.scale is not None and isinstance(score, int):
        told = answer_text(asked.scale, score, language, runtime.policy.texts)
        lines.append(
            say("entry.answered_comment", answer=told, comment=comment)
            if comment
            else say("entry.answered", answer=told)
        )
    elif comment:
        lines.append(say("entry.commented", comment=comment))
    if answer.contact is not None:
        lines.append(say("entry.contact"))
        if answer.contact.phone:
            lines.append(say("entry.phone", phone=answer.contact.phone))
        if answer.contact.hours:
            lines.append(say("entry.hours", hours=answer.contact.hours))
    return "\n".join(lines)
