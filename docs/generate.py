"""Writes the generated parts of these pages; ``--check`` writes nothing and fails where one is stale.

A part stands between ``<!-- generated: name -->`` and ``<!-- end -->``. It is made of the code itself: what a setting
means stands in the ``#:`` comment above it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import time, timedelta
from functools import cache
from importlib import import_module
from inspect import cleandoc, getsource
from pathlib import Path
from typing import Any, NamedTuple

import click
from pydantic.fields import FieldInfo

from cxsdk.capabilities import Plugin
from cxsdk.domain.limits import Limit
from cxsdk.domain.survey import Survey
from cxsdk.domain.texts import names_in, text_ids, wording
from cxsdk.errors import all_errors
from parts import events, metrics, plugins
from parts.calls import module_of, nodes, shipped
from parts.contract import contract, contract_of_tests
from parts.layout import DOCS, ROOT, table

#: Errors whose words are another library's.
OTHERS_WORDS = {
    "call_event_invalid": "A field of the event is missing or malformed; the error names it. Send it corrected.",
    "hook_invalid": "A hook could never be called: the error says what is wrong with its name, arguments or kind.",
    "setting_invalid": "The value does not fit the setting; the error says why. Correct this setting.",
    "setting_missing": "A setting without a default was not given. Give it.",
    "setting_unknown": "There is no such setting. Did you mean the one that the error names?",
    "telegram_update_invalid": "An update has not the shape that Telegram documents. It is kept: report the field.",
    "twilio_record_invalid": "A callback has not the shape that Twilio documents. It is kept: report the field.",
    "updates_conflict": "Another program or a webhook takes the bot's updates. Stop it, or call `remove_webhook()`.",
}

_PART = re.compile(r"(<!-- generated: (\w+)(?: (\S+))? -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    """Brings every page up to date, or tells which are not."""
    stale = {page: new for page in pages() if (new := fresh(page)) != page.read_text(encoding="utf-8")}
    if "--check" in sys.argv:
        sys.stderr.write("".join(f"{page.relative_to(ROOT)} is stale: python docs/generate.py\n" for page in stale))
        return 1 if stale else 0
    for page, new in stale.items():
        page.write_text(new, encoding="utf-8")
    return 0


def pages() -> list[Path]:
    """Every page, without what is built of them."""
    return sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)


def fresh(page: Path) -> str:
    """The page with its generated parts as the code has it now."""
    return _PART.sub(_part, page.read_text(encoding="utf-8"))


def _part(found: re.Match[str]) -> str:
    begin, name, argument, end = found.groups()
    lines = PARTS[name](*([argument] if argument else []))
    return f"{begin}\n" + "\n".join(lines) + f"\n\n{end}"


# -- hooks


def hooks() -> Iterator[str]:
    """Each hook with its exact signature and what it means."""
    tree = ast.parse((ROOT / "cxsdk/hooks/specs.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            meaning = cleandoc(ast.get_docstring(node) or "").replace("``", "`")
            signature = f"def {node.name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns or ast.Name('None'))}"
            yield from ("", f"### {node.name}", "", "```python", signature, "```", "", meaning)


# -- the conformance kit


def conformance() -> Iterator[str]:
    """Each kind of test, what it demands, and of which plugins."""
    from cxsdk.testing import ChannelConformance, CRMConformance, SurveyProviderConformance

    kits = {"CRM": CRMConformance, "channel": ChannelConformance, "survey provider": SurveyProviderConformance}
    demanded: dict[str, dict[str, None]] = defaultdict(dict)
    tested: dict[str, dict[str, None]] = defaultdict(dict)
    for plugin, kit in kits.items():
        for cls in reversed(kit.__mro__):
            for name, test in vars(cls).items():
                if name.startswith("test_"):
                    demanded[test.kind][(test.__doc__ or "").strip()] = None
                    tested[test.kind][plugin] = None
    rows = (
        (kind, " ".join(demanded[kind]), "all" if len(of) == len(kits) else ", ".join(of))
        for kind, of in tested.items()
    )
    yield from table("kind of test", "what must hold", "of", rows=rows)


# -- errors


def errors() -> Iterator[str]:
    """The error classes, parents first."""
    ours = [cls for cls in all_errors() if cls.__module__ == "cxsdk.errors"]
    rows = ((f"`{cls.__name__}`", f"`{cls.code}`", cls.__doc__ or "") for cls in ours)
    yield from table("class", "code", "what it says", rows=rows)


class Said(NamedTuple):
    """One place in the code that gives an error its code."""

    code: str
    error: str
    words: str
    module: str


def codes() -> Iterator[str]:
    """Every stable code with its error, its words and where they are written."""
    by_code: dict[str, list[Said]] = defaultdict(list)
    for path in shipped():
        for said in _said_in(path):
            by_code[said.code].append(said)
    if gone := OTHERS_WORDS.keys() - by_code.keys():
        sys.exit(f"Nothing says {', '.join(sorted(gone))} any more: take it out of OTHERS_WORDS.")
    rows = ((f"`{code}`", *_together(code, by_code[code])) for code in sorted(by_code))
    yield from table("code", "error", "what it says, and its cure", "said in", rows=rows)


def _together(code: str, places: list[Said]) -> tuple[str, str, str]:
    def once(values: Iterable[str], between: str) -> str:
        return between.join(dict.fromkeys(value for value in values if re.search("[a-z]", value)))

    words = [re.sub(r"\{\w+\}", "…", place.words) for place in places]
    return (
        once((f"`{place.error}`" if place.error[0].isupper() else place.error for place in places), ", "),
        OTHERS_WORDS.get(code) or once(words, " / "),
        once((f"`{place.module}`" for place in places), ", "),
    )


def _said_in(path: Path) -> Iterator[Said]:
    module = module_of(path)
    functions = {node.name: node for node in nodes(path) if isinstance(node, ast.FunctionDef)}
    for node in nodes(path):
        for code, error, words in _codes_of(node, functions, module):
            yield Said(code, error, words, module)


def _codes_of(node: ast.AST, functions: Mapping[str, ast.FunctionDef], module: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(node, ast.Call):
        yield from _codes_of_call(node, functions, module)
    elif isinstance(node, ast.ClassDef) and module != "cxsdk.errors":
        for line in node.body:
            if isinstance(line, ast.Assign) and _names(line) == ["code"]:
                yield from ((code, node.name, ast.get_docstring(node) or "") for code in _constants(line.value))
    elif isinstance(node, ast.AnnAssign | ast.Assign):
        yield from _codes_of_assignment(node, "ConfigurationError" if module == "cxsdk.errors" else "BadInput")


def _codes_of_call(
    call: ast.Call, functions: Mapping[str, ast.FunctionDef], module: str
) -> Iterator[tuple[str, str, str]]:
    name = ast.unparse(call.func).rpartition(".")[2]
    given = {keyword.arg or "": keyword.value for keyword in call.keywords}
    error = _error_of(call)
    if not error and name in functions:  # a function of the module that makes the error: its arguments by name
        given |= dict(zip((arg.arg for arg in functions[name].args.args), call.args, strict=False))
        error = next((_error_of(inner) for inner in ast.walk(functions[name]) if _error_of(inner)), "")
    elif name == "PydanticCustomError":
        given = {"code": call.args[0], "message": call.args[1]}
        error = "ConfigurationError" if module == "cxsdk.domain.secret" else "BadInput"
    else:
        given |= {"message": call.args[-1]} if call.args else {}
    words = [_words(given[part]) for part in ("message", "title", "detail", "cure") if part in given]
    if error and "code" in given:
        said = " ".join(part if part[-1] in ".…" else f"{part}." for part in words if part)
        yield from ((code, error, said) for code in _constants(given["code"]))


def _error_of(node: ast.AST) -> str:
    """``BadInput``, or the status of a problem that is answered without an error of ours."""
    if not isinstance(node, ast.Call):
        return ""
    name = ast.unparse(node.func).rpartition(".")[2]
    if name == "problem":
        return f"answer {ast.unparse(node.args[0])}" if isinstance(node.args[0], ast.Constant) else "answer"
    return name if name in _error_names() else ""


@cache
def _error_names() -> set[str]:
    return {cls.__name__ for cls in all_errors()}


def _codes_of_assignment(node: ast.Assign | ast.AnnAssign, error: str) -> Iterator[tuple[str, str, str]]:
    names, value = _names(node), node.value or ast.Constant(None)
    pairs = [pair.elts for pair in ast.walk(value) if isinstance(pair, ast.Tuple) and len(pair.elts) == 2]
    if names and names[0] == "code" and isinstance(value, ast.Call) and len(names) == 1:
        yield from ((code, "answer", "") for code in _constants(value) if "_" in code)
    elif names and (names[0] == "code" or names[0].endswith("_CURES")):
        yield from ((code, error, _words(cure)) for named, cure in pairs for code in _constants(named))


def _names(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]


def _constants(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and re.fullmatch(r"[a-z][a-z0-9_]+", str(inner.value)):
            yield str(inner.value)


def _words(node: ast.AST) -> str:
    """A message as the code has it, with an ellipsis for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_words(part) for part in node.values)
    return "…" if isinstance(node, ast.FormattedValue) else ""


# -- what the doctor finds


def findings() -> Iterator[str]:
    """Each code of a finding: how bad it is, what it means, and its cure."""
    from cxsdk.cli.findings import CODES

    rows = ((f"`{code}`", known.severity, known.means, known.cure) for code, known in sorted(CODES.items()))
    yield from table("code", "severity", "what it means", "what to do", rows=rows)


# -- texts


def texts() -> Iterator[str]:
    """Each text's id, the names it may use, and its English words."""
    rows = ((f"`{id}`", _names_in(wording(id)["en"]), wording(id)["en"]) for id in text_ids())
    yield from table("id", "names", "in English", rows=rows)


def _names_in(said: str) -> str:
    return " ".join(f"`{{{name}}}`" for name in sorted(names_in(said)))


# -- settings


def settings(place: str) -> Iterator[str]:
    """Each field of a class with its meaning and default."""
    cls = _load(place)
    comments = _comments(cls)
    if unsaid := cls.model_fields.keys() - comments.keys():
        sys.exit(f"{cls.__name__} does not say what {', '.join(sorted(unsaid))} means: write a #: comment above it.")
    rows = []
    for name, field in cls.model_fields.items():
        meaning = comments[name]
        rows.append((f"`{name}`", meaning[0].lower() + meaning[1:].rstrip("."), _default(cls, name, field)))
    yield from table("setting", "meaning", "default", rows=rows)


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def _comments(cls: type) -> dict[str, str]:
    """The ``#:`` comments above the fields of a class and of those it is made of."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("cxsdk"):
            for comment, name in re.findall(r"((?:^    #: .*\n)+)    (\w+): ", getsource(base), re.MULTILINE):
                found[name] = " ".join(line.strip().removeprefix("#: ") for line in comment.splitlines())
    return found


def _default(cls: type, name: str, field: FieldInfo) -> str:
    if name == "name" and issubclass(cls, Plugin):
        return f"`{cls.__name__.lower()}`"
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return _written(value) if not isinstance(value, Survey) else f"the shipped survey `{value.name}`"


def _written(value: Any) -> str:
    if value is None or value in ("", (), {}):
        return "none"
    if hasattr(type(value), "model_fields"):
        return f"`{type(value).__name__}()`"
    return f"`{_literal(value)}`"


def _literal(value: Any) -> str:
    if isinstance(value, timedelta):
        units = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
        unit = next(unit for unit, seconds in units.items() if not value.total_seconds() % seconds)
        return f'"{value.total_seconds() / units[unit]:g}{unit}"'
    if isinstance(value, time):
        return f'"{value:%H:%M}"'
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, Limit):
        return (
            f"Limit({', '.join(f'{name}={_literal(getattr(value, name))}' for name in sorted(value.model_fields_set))})"
        )
    return f'"{value}"' if isinstance(value, str) else str(value)


# -- commands


def commands() -> Iterator[str]:
    """The help of each of our own commands, as it is printed."""
    from cxsdk.cli.group import COMMANDS

    for name, module in COMMANDS.items():
        for path, command in _walk(f"cxsdk {name}", import_module(module).command):
            context = click.Context(command, info_name=path, terminal_width=100, max_content_width=100)
            yield from ("", f"## {path}", "", "```text", command.get_help(context), "```")


def _walk(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
    else:
        for name, inner in command.commands.items():
            yield from _walk(f"{path} {name}", inner)


PARTS: Mapping[str, Callable[..., Iterator[str]]] = {
    "business_events": events.business_events,
    "facts": events.facts,
    "told": events.told,
    "log": events.log,
    "counters": metrics.counters,
    "figures": metrics.figures,
    "contract": contract,
    "contract_of_tests": contract_of_tests,
    "hooks": hooks,
    "conformance": conformance,
    "errors": errors,
    "codes": codes,
    "findings": findings,
    "texts": texts,
    "settings": settings,
    "plugins": plugins.plugins,
    "conformance_of_plugins": plugins.conformance_of_plugins,
    "commands": commands,
}

if __name__ == "__main__":
    sys.exit(main())
