"""Answers: each part adds to what was said before; an unhappy score or a wish to be contacted opens a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

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
from cxsdk.store.outbox import Owed

#: Names that stand for the survey's score question and its free text, whatever their ids.
SCORE, COMMENT = "score", "comment"

T = TypeVar("T")


def fold_responses(runtime: Runtime, tx: Transaction, account: str, facts: Sequence[Response]) -> list[str | None]:
    """Folds answers and parts of answers; one to an invitation that we never made is set aside."""
    found = invitations.by_tokens(tx, {fact.invitation for fact in facts})
    asked = [_known(found.get(fact.invitation)) for fact in facts]
    customers.lock(runtime.store, tx, {invitation.customer_id for invitation in asked})
    before = invitations.responses_to(tx, {invitation.id for invitation in asked})
    told: dict[str, _Told] = {}
    for invitation, fact in zip(asked, facts, strict=True):
        stood = before.get(invitation.id)
        if fact.key not in _parts(stood):  # told again, it needs no survey that is still asked
            survey = _known(runtime.policy.survey(invitation.survey))
            stands = told.setdefault(invitation.id, _Told(invitation, survey, stood))
            stands.add(_checked(fact, survey))
    _save(runtime, tx, list(told.values()))
    return [invitation.customer_id for invitation in asked]


def _known(found: T | None) -> T:
    if found is None:
        raise BadInput("There is no such invitation.", field="invitation", code="invitation_unknown")
    return found


def _parts(before: Row[Any] | None) -> dict[str, dict[str, Any]]:
    return {part["key"]: part for part in (before.parts if before is not None else ())}


class _Told:
    """All parts of the answer to one invitation: those that were known, and those that are new."""

    def __init__(self, invitation: Row[Any], survey: Survey, before: Row[Any] | None) -> None:
        self.invitation, self.survey, self.before = invitation, survey, before
        self._parts = _parts(before)

    def add(self, fact: Response) -> None:
        """Adds a part, unless it is known."""
        self._parts.setdefault(fact.key, fact.model_dump(mode="json"))

    @property
    def news(self) -> Answer:
        """What the new parts say."""
        known = _parts(self.before)
        return _folded([part for part in self.parts if part["key"] not in known])

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The parts in the order in which they were given."""
        return sorted(self._parts.values(), key=lambda part: (datetime.fromisoformat(part["at"]), part["key"]))


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


def _save(runtime: Runtime, tx: Transaction, told: Sequence[_Told]) -> None:
    answers = [_folded(stands.parts) for stands in told]
    rows = [_row(runtime, tx, stands, answer) for stands, answer in zip(told, answers, strict=True)]
    invitations.save_responses(tx, rows)
    invitations.change(tx, [stands.invitation.id for stands in told], state=InvitationState.ANSWERED.value, reason=None)
    for stands, answer in zip(told, answers, strict=True):
        _take_phone(runtime, tx, stands.invitation.customer_id, answer.contact)
    _log(runtime, tx, list(zip(told, answers, rows, strict=True)))


def _row(runtime: Runtime, tx: Transaction, told: _Told, answer: Answer) -> dict[str, Any]:
    """The response as it stands now, when its unhappy parts have been followed up."""
    asked, parts = told.survey.score_question, told.parts
    score = answer.answers.get(asked.id) if asked is not None else None
    return {
        "invitation_id": told.invitation.id,
        "customer_id": told.invitation.customer_id,
        "survey": told.survey.name,
        "scale": asked.scale.value if asked is not None and asked.scale is not None else "",
        "score": score if isinstance(score, int) else None,
        "answers": dict(answer.answers),
        "parts": parts,
        "at": datetime.fromisoformat(parts[0]["at"]),
        "revision": (told.before.revision if told.before else 0) + 1,
        "case_id": _follow_up(runtime, tx, told, answer),
    }


def _folded(parts: Sequence[Mapping[str, Any]]) -> Answer:
    """All parts together: of a question answered twice the later word holds, and a wish to be contacted stays."""
    answers: dict[str, int | str] = {}
    contact: ContactRequest | None = None
    for part in parts:
        answers |= part["answers"]
        if part["contact"] is not None:
            contact = ContactRequest(**part["contact"])
    return Answer(answers, contact)


def _follow_up(runtime: Runtime, tx: Transaction, told: _Told, answer: Answer) -> str | None:
    """What the answer does to cases; returns the case that it belongs to."""
    if told.invitation.kind == CLOSING_KIND:
        cases.closing_answered(runtime, tx, told.invitation, answer)
        return None
    case_id = told.before.case_id if told.before else None
    if case_id is not None or _needs_somebody(told.survey, answer):
        again = _needs_somebody(told.survey, told.news)
        return cases.unhappy(runtime, tx, told.invitation, told.survey, answer, case_id, again=again)
    return None


def _needs_somebody(survey: Survey, answer: Answer) -> bool:
    asked = survey.score_question
    score = answer.answers.get(asked.id) if asked is not None else None
    scale = asked.scale if asked is not None else None
    is_unhappy = scale is not None and isinstance(score, int) and scale.category(score) is Category.UNHAPPY
    return is_unhappy or answer.contact is not None


def _take_phone(runtime: Runtime, tx: Transaction, customer_id: str, contact: ContactRequest | None) -> None:
    """A number that somebody typed is perhaps theirs; what is no number stays in the task's text."""
    if contact is not None and contact.phone:
        try:
            typed = phone(contact.phone).model_copy(update={"confidence": Confidence.MAYBE})
        except BadInput:
            return
        customers.give_identity(runtime.store, tx, customer_id, typed)


def _log(runtime: Runtime, tx: Transaction, saved: Sequence[tuple[_Told, Answer, Mapping[str, Any]]]) -> None:
    """Each answer is an entry on its person's timeline, and the plugins that listen are told."""
    waiting = owe_people(runtime.store, tx, runtime.crm.name, [row["customer_id"] for _, _, row in saved])
    outbox.owe(runtime.store, tx, [_entry(runtime, *one, waits=one[2]["customer_id"] in waiting) for one in saved])
    for told, _, row in saved:
        about = {name: row[name] for name in ("invitation_id", "customer_id", "survey", "score")}
        tell(runtime, tx, "on_response_received", f"{told.invitation.id}:{row['revision']}", about)


def _entry(runtime: Runtime, told: _Told, answer: Answer, row: Mapping[str, Any], *, waits: bool) -> Owed:
    return survey_entry(
        runtime, stable_id("answer", told.invitation.id), row["customer_id"], Direction.INBOUND,
        entry_text(runtime, told.survey, answer), waits=waits, revision=row["revision"],
        account=told.invitation.provider or "",
    )  # fmt: skip


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
