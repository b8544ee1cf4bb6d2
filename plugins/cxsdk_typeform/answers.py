"""What Typeform's answers mean: which field is which question, what a choice is worth, whether to call.

https://www.typeform.com/developers/webhooks/example-payload/
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cxsdk import ContactRequest

#: A ref that somebody gave: Typeform's own are UUIDs.
_GIVEN = re.compile(r"[a-z][a-z0-9_]{0,39}")
#: Types whose answers may have a grade in the settings.
_CHOICES = ("multiple_choice", "picture_choice", "dropdown")
#: What a field without a name is, by its type, where the response has only one like it.
_USUAL = {"nps": "score", "opinion_scale": "score", "rating": "score", "long_text": "comment"}

Said = int | str
Answers = dict[str, Said]


class Wording(NamedTuple):
    """The account's names: of fields by their ref, and of grades by a choice's ref or label."""

    questions: Mapping[str, str]
    grades: Mapping[str, int]

    def read(self, answers: Iterable[Mapping[str, Any]]) -> tuple[Answers, ContactRequest | None]:
        """The answers by our questions' ids, those without a name by their ref; and the wish to be contacted."""
        given = [(answer["field"], self._said(answer)) for answer in answers]
        named = {name: said for field, said in given if (name := self._name(field))}
        others = [(field, said) for field, said in given if not self._name(field)]
        once = Counter(_usual(field, said) for field, said in given if self._name(field) != "contact")
        for field, said in others:
            usual = _usual(field, said)
            named[usual if usual and once[usual] == 1 else field.get("ref") or field["id"]] = said
        return _contact_in(named, [said for field, said in others if field.get("type") == "phone_number"])

    def _name(self, field: Mapping[str, Any]) -> str | None:
        ref = field.get("ref") or ""
        return self.questions.get(ref) or (ref if _GIVEN.fullmatch(ref) else None)

    def _said(self, answer: Mapping[str, Any]) -> Said:
        # of a type that is new, the value is what stands beside type and field
        kind = answer.get("type") if answer.get("type") in answer else None
        said = answer[kind] if kind else next((answer[key] for key in answer if key not in ("type", "field")), "")
        return self._chosen(said) if isinstance(said, Mapping) else _plain(said)

    def _chosen(self, said: Mapping[str, Any]) -> Said:
        """A choice's grade, else the labels; of anything else, all of it."""
        for name in (said.get("ref"), said.get("label")):
            if isinstance(name, str) and name in self.grades:
                return self.grades[name]
        labels = [said.get("label"), *(said.get("labels") or ()), said.get("other")]
        return "; ".join(label for label in labels if isinstance(label, str)) or _plain(said)


def _plain(said: Any) -> Said:
    if isinstance(said, (bool, int)) or (isinstance(said, float) and said.is_integer() and abs(said) < 1e9):
        return int(said)
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


def _usual(field: Mapping[str, Any], said: Said) -> str | None:
    is_graded = isinstance(said, int) and field.get("type") in _CHOICES
    return "score" if is_graded else _USUAL.get(field.get("type", ""))


def _contact_in(named: Answers, numbers: Sequence[Said]) -> tuple[Answers, ContactRequest | None]:
    """Takes the contact request out of the answers: a yes, or where it was not asked, a number to call."""
    wish, phone, hours = (named.pop(name, "") for name in ("contact", "phone", "hours"))
    if wish == 0 or not (wish or phone):
        return named, None
    return named, ContactRequest(phone=str(phone or next(iter(numbers), "")), hours=str(hours))
