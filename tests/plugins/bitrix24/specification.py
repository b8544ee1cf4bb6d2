"""Bitrix24's own description of its methods, where it is at hand, and what by it is wrong with a command or answer."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

#: Vendors' specifications, where they lie beside the project.
FACTS = Path(os.environ.get("VENDOR_FACTS", Path(__file__).parents[4] / "shared"))
METHODS = FACTS / "specs" / "bitrix24" / "methods"

#: What the specification at hand does not have.
BESIDES = ("user.current", "voximplant.statistic.get")
#: Of two that are both required, one is enough, as their descriptions say.
EITHER = ("USER_ID", "USER_PHONE_INNER")

_PREFIX = re.compile(r"^(>=|<=|!=|!@|=%|%=|!%|[><@=%!])")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")


class Specification:
    """The methods, one file each: https://github.com/bitrix-tools/b24-rest-docs."""

    def __init__(self, methods: Path) -> None:
        self._methods = methods
        activity = set(self._of("crm.activity.fields")["resultExample"]["result"])
        item = {"createdTime", "leadId", *self._entity("crm.item.list")}
        for method in ("crm.item.get", "crm.item.add", "crm.item.update"):
            item |= set(self._of(method)["resultExample"]["result"]["item"])
        self._fields = {"crm.activity": activity | {"LAST_UPDATED", "NOTIFY_VALUE"}, "crm.item": item}

    def problems_of_command(self, method: str, params: Mapping[str, Any]) -> list[str]:
        """What is wrong with a call of a method."""
        if self._lacks(method):
            return []
        spec = self._of(method)
        known = {each["name"]: each for each in spec["params"]}
        problems = [f"{method}: {name} is not known" for name in params if name not in known]
        if spec["requiredConvention"]:
            needed = [name for name, each in known.items() if each["required"] and method != "tasks.task.list"]
            given = {*params, *(EITHER if any(name in params for name in EITHER) else ())}
            problems += [f"{method}: {name} is missing" for name in needed if name not in given]
        for name in params.keys() & known.keys():
            problems += [f"{method}: {name} {problem}" for problem in _typed(known[name], params[name])]
        return problems + list(self._of_fields(method, spec, params)) + list(self._of_names(method, params))

    def problems_of_result(self, method: str, result: Any) -> list[str]:
        """What is wrong with the result of a method, beside the example that there is of it."""
        if self._lacks(method):
            return []
        example = (self._of(method).get("resultExample") or {}).get("result")
        if method == "crm.activity.list":
            example = [self._of("crm.activity.get")["resultExample"]["result"]]
        if method == "crm.duplicate.findbycomm":
            example = {each["name"]: [1] for each in self._of(method)["returns"]} if result else []
        return [f"{method}: {problem}" for problem in self._unlike(method, example, result, "result")]

    def _of_fields(self, method: str, spec: dict[str, Any], params: Mapping[str, Any]) -> Iterator[str]:
        described = {each["name"]: each for each in spec["defs"].get("fieldsFields", {}).get("fields", ())}
        given = params.get("fields")
        if not isinstance(given, Mapping) or not described:
            return
        for name, value in given.items():
            if name not in described and name not in self._known(method):
                yield f"{method}: fields.{name} is not known"
            yield from (f"{method}: fields.{name} {problem}" for problem in _typed(described.get(name, {}), value))
        if method.endswith(".add"):  # of a change, the documented examples give only what changes
            yield from (
                f"{method}: fields.{name} is missing"
                for name, each in described.items()
                if each["required"] and name not in given
            )

    def _of_names(self, method: str, params: Mapping[str, Any]) -> Iterator[str]:
        if not (known := self._known(method)):
            return
        names = [*params.get("select", ()), *params.get("order", ())]
        names += _filtered(params.get("filter") or {})
        for name in names:
            if name != "*" and name not in known and not name.startswith("ufCrm"):
                yield f"{method}: the field {name} is not known"

    def _unlike(self, method: str, example: Any, found: Any, where: str) -> Iterator[str]:
        if isinstance(example, dict) and isinstance(found, dict):
            for name, value in found.items():
                if name in example:
                    yield from self._unlike(method, example[name], value, f"{where}.{name}")
                elif name not in self._known(method) and not name.startswith("UF_") and not name.startswith("ufCrm"):
                    yield f"{where}.{name} is not known"
        elif isinstance(example, list) and isinstance(found, list):
            for item in found if example else ():
                yield from self._unlike(method, example[0], item, f"{where}[]")
        elif example is not None and found is not None and not _alike(example, found):
            yield f"{where} is {type(found).__name__}, and {type(example).__name__} in the example"

    def _known(self, method: str) -> set[str]:
        return next((fields for kind, fields in self._fields.items() if method.startswith(f"{kind}.")), set())

    def _entity(self, method: str) -> set[str]:
        return set(self._of(method).get("entityFields") or ())

    def _lacks(self, method: str) -> bool:
        return method in BESIDES and not (self._methods / f"{method}.json").is_file()

    @cache  # noqa: B019 - one object for the whole run
    def _of(self, method: str) -> dict[str, Any]:
        found = next((each for each in self._methods.glob("*.json") if each.stem == method), None)
        assert found is not None, f"{method} is not in {self._methods}"
        spec: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
        return spec


def _filtered(filter: Mapping[str, Any]) -> list[str]:
    """The fields of a filter, and of the conditions in it."""
    found: list[str] = []
    for name, value in filter.items():
        inner = name.isdigit() and isinstance(value, Mapping)
        found += _filtered(value) if inner else [] if name == "logic" else [_PREFIX.sub("", name)]
    return found


def _typed(described: Mapping[str, Any], value: Any) -> Iterator[str]:
    """Whether a value is what the description says; a batch has numbers as texts."""
    kind = described.get("base", "")
    wrong = {
        "integer": not str(value).lstrip("-").isdigit(),
        "datetime": not _DATE.fullmatch(str(value)),
        "array": not isinstance(value, list | dict),
        "object": not isinstance(value, list | dict),  # PHP makes no difference, and the examples make none
        "string": not isinstance(value, str | int | dict),
    }
    if wrong.get(kind):
        yield f"is no {kind}: {value!r}"
    if kind == "datetime" and not wrong[kind]:
        datetime.fromisoformat(value)


def _alike(example: Any, found: Any) -> bool:
    numbers = (int, float)
    return isinstance(found, type(example)) or (isinstance(example, numbers) and isinstance(found, numbers))


@cache
def specification() -> Specification | None:
    """The specification, or None where it is not at hand."""
    return Specification(METHODS) if METHODS.is_dir() else None
