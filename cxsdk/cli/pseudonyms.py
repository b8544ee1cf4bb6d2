"""A payload with samples in place of people and secrets; whatever was the same is the same afterwards."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cxsdk.domain.facts import Fact
from cxsdk.domain.identity import Identity
from cxsdk.observe.redaction import cleaned, redact

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_PHONE = re.compile(r"\+\d{7,15}\b")
_NAME = re.compile(r"((first|last|full|middle|display|user|caller|customer|contact|profile)[ _-]?)?name", re.IGNORECASE)
_PLACE = re.compile(r"\w*(city|street|zip|post(al)?_?code)", re.IGNORECASE)
_CAPITAL = re.compile(r"[^\W\d_a-z]")
_FORM = re.compile(rb"[\w.+%\[\]-]+=[^\s{}<>]*(&[\w.+%\[\]-]+=[^\s{}<>]*)*")
#: Fields of facts that hold what people wrote, or how they are called.
_WORDS = ("text", "comment", "subject", "name", "html")


class Pseudonyms:
    """One record's replacements. What stands in the account's settings is the company's own, and stays."""

    def __init__(self, plugin: object, facts: Iterable[Fact]) -> None:
        facts = list(facts)
        self._own = set(_texts(plugin))
        self._words = {said for fact in facts for said in _words(fact) if said not in self._own}
        self._people = {identity.value: identity.kind for fact in facts for identity in _identities(fact)}
        self._is_understood = bool(facts)
        self._given: dict[str, str] = {}

    def replaced(self, body: bytes) -> bytes | None:
        """The body with samples; None where it is neither JSON nor a form."""
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            if not _FORM.fullmatch(body):
                return None
            pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
            return urlencode([(name, self._value(name, value)) for name, value in pairs]).encode()
        return json.dumps(self._value("", document), ensure_ascii=False, indent=2).encode()

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._value(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._value(name, item) for item in value]
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, str):
            return self._text(name, value)
        somebody = self._somebody(str(value))
        return int(self._sample(*somebody)) if somebody and isinstance(value, int) else value

    def _text(self, name: str, text: str) -> str:
        if not text or text in self._own:
            return text
        if (shown := cleaned({name: text})[name]) != text and redact(text) == text:
            return str(shown)  # it is called like a secret
        if somebody := self._somebody(text):
            return self._sample(*somebody)
        if text in self._words or _is_name(name, text) or (not self._is_understood and _is_prose(text)):
            return self._sample(text, "words")
        text = _EMAIL.sub(lambda found: self._sample(found[0], "email"), redact(text))
        return _PHONE.sub(lambda found: self._sample(found[0], "phone"), text)

    def _somebody(self, text: str) -> tuple[str, str] | None:
        """The identity that it is, with its kind, however a number is written."""
        if text in self._people:
            return text, self._people[text]
        digits = re.sub(r"\D", "", text).lstrip("0")
        if len(digits) < 7 or re.search(r"[A-Za-z]", text):
            return None
        phones = (held for held, kind in self._people.items() if kind == "phone" and held.endswith(digits))
        return next(((held, "phone") for held in phones), None)

    def _sample(self, real: str, kind: str) -> str:
        if real in self._own:
            return real
        if real not in self._given:
            self._given[real] = _SAMPLES.get(kind, _SAMPLES["number"])(len(self._given) + 1)
        return self._given[real]


_SAMPLES: dict[str, Callable[[int], str]] = {
    "phone": lambda number: f"+121255501{number % 100:02}",
    "email": lambda number: f"customer{number}@example.com",
    "words": lambda number: f"Sample words {number}",
    "number": lambda number: str(100_000 + number),
}


def _is_name(field: str, text: str) -> bool:
    """Whether it is somebody's name or where they live, as far as its field and its first letter tell."""
    is_name = _NAME.fullmatch(field) is not None and _CAPITAL.match(text) is not None
    return is_name or _PLACE.fullmatch(field) is not None


def _is_prose(text: str) -> bool:
    """Whether people may have written it: words with spaces, and no date."""
    return bool(re.search(r"[^\W\d_]{2,}\s+[^\W\d_]{2,}|[^\W\d_]{2,}[,.!?] ", text)) and not re.search(r"\d:\d\d", text)


def meaning(fact: Fact) -> dict[str, Any]:
    """What a fact says, but for who it is about and what they wrote."""
    people = {name for name, value in fact if any(isinstance(each, Identity) for each in _several(value))}
    said = fact.model_dump(mode="json", exclude=people | set(_WORDS))
    answers = said.get("answers") or {}
    return {
        **said,
        "fact": type(fact).__name__,
        "answers": {k: v for k, v in answers.items() if not isinstance(v, str)},
    }


def _words(fact: Fact) -> Iterator[str]:
    said = [getattr(fact, field, "") for field in _WORDS] + list(getattr(fact, "answers", {}).values())
    yield from (each for each in said if isinstance(each, str) and each)


def _identities(fact: Fact) -> Iterator[Identity]:
    for _, value in fact:
        yield from (each for each in _several(value) if isinstance(each, Identity))


def _texts(settings: object) -> Iterator[str]:
    """All texts among the settings."""
    for _, value in settings if hasattr(type(settings), "model_fields") else ():  # type: ignore[attr-defined]
        yield from (each for each in _several(value) if isinstance(each, str))


def _several(value: Any) -> Iterable[Any]:
    return value if isinstance(value, tuple | list) else (value,)
