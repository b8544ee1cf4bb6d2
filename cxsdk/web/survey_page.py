"""How the survey page looks: what there is to show, put into HTML. Pure: no request, no store."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import Field

from cxsdk.domain.survey import Question, Scale, Survey
from cxsdk.domain.surveys import fitting
from cxsdk.domain.texts import LANGUAGES, Overrides, language_of, text
from cxsdk.domain.values import Value
from cxsdk.domain.wording import answer_text, grade_text, is_worded, question_text, scale_ends
from cxsdk.web.survey_form import HOURS_LIMIT, PHONE_LIMIT, WORDS_LIMIT, Filled, field_of

_TEMPLATES = Path(__file__).parent / "templates" / "surveys"
_NAMES = {"en": "English", "uk": "Українська", "ru": "Русский"}

_TAG = re.compile(r"([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?")


class Look(Value):
    """What every page of a visit has in common. ``query`` is what the address asked for besides the language."""

    language: str
    company: str = ""
    texts: Overrides = Field(default_factory=dict)
    query: Mapping[str, str] = Field(default_factory=dict)
    chosen_language: bool = False  #: whether the visitor chose it: links then keep it
    stop_link: str = ""

    def link(self, **query: str) -> str:
        """A relative address of this page that asks for this, in the language that the visitor chose."""
        language = {"lang": self.language} if self.chosen_language else {}
        return "?" + urlencode({**query, **language})

    def words(self, id: str, **values: Any) -> str:
        """A text in the visitor's language."""
        return text(id, self.language, self.texts, **values)


class _Option(Value):
    grade: int
    label: str
    chosen: bool


class _Asked(Value):
    """A question as the page shows it."""

    field: str
    text: str
    options: tuple[_Option, ...] = ()
    ends: tuple[str, str] | None = None
    chosen: str = ""  #: the answer chosen so far, in words
    said: str = ""  #: the words written so far


def ask_page(look: Look, survey: Survey, step: str, filled: Filled, *, nonce: str, retry: bool = False) -> str:
    """The form of one step: ``score`` (one question), ``more`` (the rest) or ``full`` (everything)."""
    asked = [_asked(look, question, filled.answers.get(question.id)) for question in _questions(survey, step, filled)]
    return _render(
        "ask.html",
        look,
        step=step,
        asked=asked,
        filled=filled,
        nonce=nonce,
        retry=retry,
        problems={field: look.words(each.id, limit=each.limit) for field, each in filled.problems.items()},
        action=look.link(**look.query),
        words_limit=WORDS_LIMIT,
        phone_limit=PHONE_LIMIT,
        hours_limit=HOURS_LIMIT,
    )


def notice_page(
    look: Look,
    notice: str,
    *,
    said: str = "",
    more_link: str = "",
    button: str = "",
    fields: Mapping[str, str] | None = None,
) -> str:
    """A page that only says something: the text ``page.<notice>_title``, and below it ``page.<said>``.

    ``button`` names the text of a button that posts ``fields`` back to the same address.
    """
    return _render(
        "notice.html",
        look,
        notice=notice,
        said=said or notice,
        more_link=more_link,
        button=button,
        fields=fields or {},
        action=look.link(**look.query),
    )


def preferred_language(accept_language: str) -> str:
    """The shipped language that an Accept-Language header asks for first; English where it asks for none."""
    wishes = [wish for part in accept_language.split(",")[:20] if (wish := _TAG.fullmatch(part.strip()))]
    ranked = sorted(wishes, key=lambda wish: -float(wish[2] or 1))
    tongues = (language_of(wish[1], "") for wish in ranked if float(wish[2] or 1) > 0)
    return next((tongue for tongue in tongues if tongue), "en")


@cache
def style_hash() -> str:
    """The hash by which the Content-Security-Policy allows the page's own style and no other."""
    return base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()


def _questions(survey: Survey, step: str, filled: Filled) -> tuple[Question, ...]:
    asked = survey.score_question
    if step == "score" and asked is not None:
        return (asked,)
    score = filled.answers.get(asked.id) if asked is not None else None
    fits = fitting(survey, score if isinstance(score, int) else None)
    # what was typed or is wrong stays on the page, whether it fits the score or not
    return tuple(
        question
        for question in survey.questions
        if question in fits or question.id in filled.answers or field_of(question) in filled.problems
    )


def _asked(look: Look, question: Question, answer: int | str | None) -> _Asked:
    asked = _Asked(
        field=field_of(question), text=question_text(question, look.language, look.texts, company=look.company)
    )
    if question.scale is None:
        return asked.model_copy(update={"said": answer or ""})
    chosen = answer_text(question.scale, answer, look.language, look.texts) if isinstance(answer, int) else ""
    return asked.model_copy(
        update={
            "options": _options(look, question.scale, answer),
            "ends": scale_ends(question.scale, look.language, look.texts),
            "chosen": chosen,
        }
    )


def _options(look: Look, scale: Scale, answer: int | str | None) -> tuple[_Option, ...]:
    # numbers rise from left to right; of words, the best comes first
    grades = reversed(scale.grades) if is_worded(scale) else scale.grades
    return tuple(
        _Option(grade=grade, label=grade_text(scale, grade, look.language, look.texts), chosen=grade == answer)
        for grade in grades
    )


def _languages(look: Look) -> list[dict[str, str]]:
    return [
        {"code": code, "name": _NAMES[code], "query": "?" + urlencode({**look.query, "lang": code})}
        for code in LANGUAGES
    ]


def _render(template: str, look: Look, **context: Any) -> str:
    return (
        _environment()
        .get_template(template)
        .render(
            language=look.language,
            company=look.company,
            stop_link=look.stop_link,
            languages=_languages(look),
            t=look.words,
            css=_css(),
            **context,
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _css() -> str:
    return (_TEMPLATES / "page.css").read_text(encoding="utf-8")
