"""How questions, grades, answers and durations read in a language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from cxsdk.domain.survey import Question, Scale, Survey
from cxsdk.domain.texts import Overrides, language_of, text, text_ids


def question_text(question: Question, language: str, overrides: Overrides | None = None, *, company: str = "") -> str:
    """A question as it is asked: in its own words, else in those shipped under its id or for its scale."""
    if question.text:
        own = question.text.get(language) or question.text.get(language_of(language))
        return (own or question.text.get("en") or next(iter(question.text.values()))).replace("{company}", company)
    scale = question.scale.value if question.scale else "comment"
    candidates = (f"question.{name}" for name in (question.id, scale, scale.partition("_")[0]))
    id = next(id for id in candidates if id in text_ids())
    return text(id, language, overrides, company=company)


def is_worded(scale: Scale) -> bool:
    """Whether each grade has a word of its own, so that its number says nothing to a customer."""
    return f"scale.{scale.value}.{scale.grades[0]}" in text_ids()


def grade_text(scale: Scale, grade: int, language: str, overrides: Overrides | None = None) -> str:
    """What stands on a grade's button: its word, or its number."""
    return text(f"scale.{scale.value}.{grade}", language, overrides) if is_worded(scale) else str(grade)


def scale_ends(scale: Scale, language: str, overrides: Overrides | None = None) -> tuple[str, str] | None:
    """What the lowest and the highest grade of a scale of numbers mean; None for a scale of words."""
    if is_worded(scale):
        return None
    low, high = (text(f"scale.{scale.value}.{end}", language, overrides) for end in ("low", "high"))
    return low, high


def answer_text(scale: Scale, score: int, language: str, overrides: Overrides | None = None) -> str:
    """An answer as entries and tasks tell it: “I do not like it”, 3 of 10."""
    if is_worded(scale):
        return text("answer.worded", language, overrides, word=grade_text(scale, score, language, overrides))
    return text("answer.graded", language, overrides, score=score, top=scale.grades[-1])


def questionnaire(
    survey: Survey,
    answers: Mapping[str, int | str | None],
    language: str,
    overrides: Overrides | None = None,
    *,
    company: str = "",
) -> str:
    """The whole questionnaire with its answers, for the agent who takes it up; a dash where nothing was said."""
    lines = []
    for question in survey.questions:
        asked = question_text(question, language, overrides, company=company)
        lines.append(f"{asked}\n{_said(question, answers.get(question.id), language, overrides)}")
    return "\n\n".join(lines)


def _said(question: Question, answer: int | str | None, language: str, overrides: Overrides | None) -> str:
    if question.scale is not None and isinstance(answer, int) and answer in question.scale.grades:
        return answer_text(question.scale, answer, language, overrides)
    return "—" if answer in (None, "") else str(answer)


def invitation_text(survey: str, part: str, language: str, overrides: Overrides | None = None, **values: str) -> str:
    """The ``subject``, ``email`` or ``message`` that invites to a survey; a general one for surveys not shipped."""
    id = f"invitation.{survey}.{part}"
    return text(id if id in text_ids() else f"invitation.other.{part}", language, overrides, **values)


def survey_title(survey: str, language: str, overrides: Overrides | None = None) -> str:
    """What agents call a survey; its name where it is not a shipped one."""
    id = f"survey.{survey}"
    return text(id, language, overrides) if id in text_ids() else survey


def duration_text(duration: timedelta, language: str, overrides: Overrides | None = None) -> str:
    """A duration for "within …", in the largest unit that tells it exactly: 90 minutes, 1 hour, 24 hours, 3 days."""
    minutes = round(duration.total_seconds() / 60)
    if minutes % 60 or not minutes:
        return text("duration.minutes", language, overrides, n=minutes)
    if minutes % 1440 or minutes == 1440:
        return text("duration.hours", language, overrides, n=minutes // 60)
    return text("duration.days", language, overrides, n=minutes // 1440)
