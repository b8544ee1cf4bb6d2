"""The survey page's form: its fields, and what a customer filled in. Pure: no request, no store."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import Field

from cxsdk.domain.survey import Question, Survey
from cxsdk.domain.values import Value

#: Characters. Three texts of this length, percent-encoded in any script, stay below the limit of the body.
WORDS_LIMIT = 2000
HOURS_LIMIT = 200
PHONE_LIMIT = 40

_DIGITS = re.compile(r"[0-9]")


class Problem(Value):
    """What is wrong with a field: the id of the text that says so."""

    id: str
    limit: int = 0


class Filled(Value):
    """What a customer filled in: what can be used, what was typed, and what is wrong, by field."""

    answers: Mapping[str, int | str] = Field(default_factory=dict)  #: by question id
    contact: bool = False
    phone: str = ""
    hours: str = ""
    problems: Mapping[str, Problem] = Field(default_factory=dict)  #: by field


def field_of(question: Question) -> str:
    """The name of a question's field."""
    return f"q_{question.id}"


def read_form(survey: Survey, form: Mapping[str, str]) -> Filled:
    """A sent form against its survey. Fields that the survey does not have are left alone."""
    given = [(question, form.get(field_of(question), "").strip()) for question in survey.questions]
    answers = {question.id: _answer(question, said) for question, said in given if said}
    problems = {field_of(question): problem for question, said in given if (problem := _check(question, said))}
    contact, phone, hours = form.get("contact") == "on", form.get("phone", "").strip(), form.get("hours", "").strip()
    if contact:
        problems |= _check_contact(phone, hours)
    if not answers and not contact:
        asked = survey.score_question or survey.questions[0]
        problems[field_of(asked)] = Problem(id="page.error_choose" if asked.scale else "page.error_empty")
    usable = {id: answer for id, answer in answers.items() if answer is not None}
    return Filled(answers=usable, contact=contact, phone=phone, hours=hours, problems=problems)


def grade_of(question: Question, said: str) -> int | None:
    """The grade of the question's scale that somebody sent or put into a link, or None."""
    if question.scale is None or not (said.isascii() and said.isdigit() and len(said) <= 2):
        return None
    return int(said) if int(said) in question.scale.grades else None


def _answer(question: Question, said: str) -> int | str | None:
    return said if question.scale is None else grade_of(question, said)


def _check(question: Question, said: str) -> Problem | None:
    if question.scale is None:
        return _too_long(said, WORDS_LIMIT)
    return Problem(id="page.error_choose") if said and grade_of(question, said) is None else None


def _check_contact(phone: str, hours: str) -> dict[str, Problem]:
    digits = len(_DIGITS.findall(phone))
    callable_ = not phone or (5 <= digits <= 15 and len(phone) <= PHONE_LIMIT)
    problems = {} if callable_ else {"phone": Problem(id="page.error_phone")}
    if problem := _too_long(hours, HOURS_LIMIT):
        problems["hours"] = problem
    return problems


def _too_long(said: str, limit: int) -> Problem | None:
    # a browser counts a line break as one character and sends two
    return Problem(id="page.error_long", limit=limit) if len(said.replace("\r\n", "\n")) > limit else None
