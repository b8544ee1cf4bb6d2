"""A plugin that talks to the stand-in of the Bot API, and the Bot API's specification where it is at hand."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cxsdk import Secret
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, opened
from cxsdk.testing.botapi import BotAPI
from cxsdk_telegram import Telegram

PROJECT = Path(__file__).parents[3]

_JSON_TYPES: dict[str, Any] = {"Integer": int, "Float": (int, float), "String": str, "Boolean": bool, "True": bool}


class Specification:
    """The machine-readable Bot API, https://github.com/PaulSonOfLars/telegram-bot-api-spec."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._methods = spec["methods"]
        self._types = spec["types"]

    def problems_of_call(self, method: str, params: dict[str, Any]) -> list[str]:
        """What is wrong with a request."""
        return self._fields(self._methods[method].get("fields", []), params, method)

    def problems_of_result(self, method: str, result: Any) -> list[str]:
        """What is wrong with a result."""
        return self._any_of(self._methods[method]["returns"], result, f"{method}()")

    def problems_of_exchange(self, method: str, params: dict[str, Any], answer: Any) -> list[str]:
        """What is wrong with a call or its answer."""
        return [*self.problems_of_call(method, params), *self.problems_of_answer(method, answer)]

    def problems_of_answer(self, method: str, answer: Any) -> list[str]:
        """What is wrong with a whole answer: https://core.telegram.org/bots/api#making-requests."""
        if answer["ok"]:
            return self.problems_of_result(method, answer["result"])
        missing = [f"{name} is missing" for name in ("error_code", "description") if name not in answer]
        more = answer.keys() - {"ok", "error_code", "description", "parameters"}
        found = self.problems("ResponseParameters", answer.get("parameters", {}), "parameters")
        return [*missing, *(f"{name} is not known" for name in more), *found]

    def problems(self, type: str, value: Any, path: str) -> list[str]:
        """What is wrong with a value of a type."""
        if type.startswith("Array of "):
            inner = type.removeprefix("Array of ")
            items = value if isinstance(value, list) else [value]
            found = [problem for n, item in enumerate(items) for problem in self.problems(inner, item, f"{path}.{n}")]
            return found if isinstance(value, list) else [f"{path} is no list"]
        if type in _JSON_TYPES:
            fits = isinstance(value, _JSON_TYPES[type]) and (isinstance(value, bool) is (type in ("Boolean", "True")))
            return [] if fits else [f"{path} is no {type}"]
        known = self._types[type]
        if "subtypes" in known:
            return self._any_of(known["subtypes"], value, path)
        return self._fields(known.get("fields", []), value, path)

    def _any_of(self, types: list[str], value: Any, path: str) -> list[str]:
        tried = [self.problems(type, value, path) for type in types]
        return min(tried, key=len)

    def _fields(self, fields: list[dict[str, Any]], value: Any, path: str) -> list[str]:
        if not isinstance(value, dict):
            return [f"{path} is no object"]
        known = {field["name"]: field for field in fields}
        found = [
            f"{path}.{name} is missing" for name, field in known.items() if field["required"] and name not in value
        ]
        found += [f"{path}.{name} is not known" for name in value if name not in known]
        for name in value.keys() & known.keys():
            found += self._any_of(known[name]["types"], value[name], f"{path}.{name}")
        return found


def read_specification() -> Specification | None:
    """The specification, where it is at hand."""
    named = os.environ.get("TELEGRAM_BOT_API_SPEC")
    places = [Path(named)] if named else sorted(PROJECT.parent.glob("*/specs/telegram/api.json"))
    place = next((place for place in places if place.is_file()), None)
    return Specification(json.loads(place.read_text(encoding="utf-8"))) if place else None


@pytest.fixture(scope="session")
def known_specification() -> Specification | None:
    return read_specification()


@pytest.fixture
def specification(known_specification: Specification | None) -> Specification:
    if known_specification is None:
        pytest.skip("the Bot API's specification is not here; TELEGRAM_BOT_API_SPEC may name the file")
    return known_specification


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def bot(clock: ManualClock, known_specification: Specification | None) -> Iterator[BotAPI]:
    """The stand-in. Every call that was made, and every answer, fits the specification where that is at hand."""
    with BotAPI(clock=clock) as bot:
        yield bot
    for exchange in bot.exchanges if known_specification else ():
        assert known_specification is not None
        assert known_specification.problems_of_exchange(exchange.method, exchange.params, exchange.answer) == []


@pytest.fixture
def telegram(bot: BotAPI, clock: ManualClock) -> Iterator[Telegram]:
    settings = {"token": Secret(bot.token), "api_url": bot.url, "poll_seconds": 0}
    with opened(Telegram(**settings), clock=clock) as telegram:
        yield telegram


@pytest.fixture
def later(clock: ManualClock) -> Any:
    """Moves the clock on by so many seconds."""
    return lambda seconds: clock.advance(timedelta(seconds=seconds))
