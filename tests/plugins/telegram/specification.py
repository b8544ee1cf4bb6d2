"""The Bot API's own specification, where it is at hand: what does not fit it is named."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

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

    def problems_of_exchange(self, method: str, params: dict[str, Any], answer: dict[str, Any]) -> list[str]:
        """What is wrong with a request, or with its answer: a result, or an error."""
        asked = self.problems_of_call(method, params)
        if answer["ok"]:
            return asked + self.problems_of_result(method, answer["result"])
        told = {name: value for name, value in answer.items() if name not in ("ok", "error_code", "description")}
        limits = self.problems("ResponseParameters", told.pop("parameters", {}), "parameters")
        return asked + limits + [f"{name} is not known" for name in told]

    def problems_of_update(self, update: dict[str, Any]) -> list[str]:
        """What is wrong with an update that Telegram posts."""
        return self.problems("Update", update, "Update")

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


def place() -> Path | None:
    """Where the specification lies: beside the project, or where TELEGRAM_BOT_API_SPEC says."""
    named = os.environ.get("TELEGRAM_BOT_API_SPEC")
    places = [Path(named)] if named else sorted(PROJECT.parent.glob("*/specs/telegram/api.json"))
    return next((place for place in places if place.is_file()), None)


@cache
def at_hand() -> Specification | None:
    """The specification, or None where there is none."""
    found = place()
    return Specification(json.loads(found.read_text(encoding="utf-8"))) if found else None
