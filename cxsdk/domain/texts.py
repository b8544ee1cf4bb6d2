"""What cxsdk says to customers and agents, by id and language; any of it can be replaced by the integrator."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any

from cxsdk.errors import ConfigurationError

#: The languages that every text is shipped in.
LANGUAGES = ("en", "uk", "ru")

#: Wording of the integrator's own: text id -> language, in lower case -> text. Languages that are not shipped may be
#: added.
Overrides = Mapping[str, Mapping[str, str]]


def text(id: str, language: str, /, overrides: Overrides | None = None, **values: Any) -> str:
    """The text with this id in this language (``uk``, ``ru-RU``), or in English where there is none.

    Raises KeyError for an id that does not exist and for a name in the text that ``values`` does not give.
    """
    shipped, own = wording(id), (overrides or {}).get(id, {})
    for tongue in (*_ancestry(language), "en"):
        template = own.get(tongue) or shipped.get(tongue)
        if template is not None:
            return _Plurals(tongue).vformat(template, (), values)
    raise KeyError(id)


def wording(id: str) -> Mapping[str, str]:
    """What is shipped under an id, by language, with its names unfilled."""
    return _shipped()[id]


def text_ids() -> tuple[str, ...]:
    """Every id, in the order of the file: these are stable."""
    return tuple(_shipped())


def language_of(tag: str | None, default: str = "en") -> str:
    """The shipped language that serves a language tag (``ru-RU`` -> ``ru``), or the default."""
    return next((tongue for tongue in _ancestry(tag or "") if tongue in LANGUAGES), default)


def names_in(template: str) -> frozenset[str]:
    """The names that a text wants filled in."""
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)


def check_overrides(overrides: Overrides) -> None:
    """Raises ConfigurationError for own wording that could never be shown, or would fail when it is."""
    for id, languages in overrides.items():
        if id not in _shipped():
            raise ConfigurationError(
                "There is no such text.", path=f"texts.{id}", cure="See docs/texts.md for the ids."
            )
        for language, template in languages.items():
            _check(template, language, names_in(wording(id)["en"]), f"texts.{id}.{language}")


def _check(template: str, language: str, allowed: frozenset[str], path: str) -> None:
    if language != language.lower():
        raise ConfigurationError("The language has capitals.", path=path, cure=f"Write {language.lower()}.")
    try:
        unknown = names_in(template) - allowed
        _Plurals(language).vformat(template, (), dict.fromkeys(names_in(template), 1))
    except (ValueError, LookupError, AttributeError):
        raise ConfigurationError("The braces cannot be filled.", path=path, cure="Write {{ for a brace.") from None
    if unknown:
        known = ", ".join(sorted(allowed)) or "none"
        raise ConfigurationError(f"Unknown name {min(unknown)!r} in braces.", path=path, cure=f"It may use: {known}.")


class _Plurals(Formatter):
    """``{n:day|days}`` writes the form that the number n asks for, by the plural rules of CLDR for whole numbers."""

    def __init__(self, language: str) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> Any:
        if "|" not in format_spec:
            return super().format_field(value, format_spec)
        forms = format_spec.split("|")
        return forms[min(self._form(int(value)), len(forms) - 1)]

    def _form(self, n: int) -> int:
        if self._language not in ("ru", "uk"):
            return 0 if n == 1 else 1
        if n % 10 == 1 and n % 100 != 11:
            return 0
        return 1 if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14) else 2


def _ancestry(tag: str) -> Iterator[str]:
    """A language tag and what it is a dialect of: ``pt-br``, ``pt``."""
    parts = re.split("[-_]", tag.strip().lower())
    return ("-".join(parts[:length]) for length in range(len(parts), 0, -1))


@cache
def _shipped() -> dict[str, dict[str, str]]:
    source = files("cxsdk.domain").joinpath("texts.toml").read_text(encoding="utf-8")
    return dict(_flat(tomllib.loads(source), ""))


def _flat(table: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, str]]]:
    if "en" in table:
        yield prefix, {language: words.strip("\n") for language, words in table.items()}
        return
    for name, inner in table.items():
        yield from _flat(inner, f"{prefix}.{name}" if prefix else name)
