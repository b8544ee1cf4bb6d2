"""The reference has all that the code has: public names, signatures, events, counters, figures.

What is on the pages is made of the code's text; what is expected here is asked of the code as it runs.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args

import pytest

import cxsdk
import cxsdk.testing
from cxsdk.domain.facts import EventKind, Fact
from tests.project.pages import page
from tests.project.tree import ROOT, SHIPPED


def hidden(name: str) -> bool:
    """Whether a name is nobody's business."""
    return name.startswith(("_", "test_", "pytest_", "model_"))


def _public() -> Iterator[tuple[str, str]]:
    for module, name_of_page in ((cxsdk, "contract.md"), (cxsdk.testing, "contract-testing.md")):
        yield from ((name_of_page, name) for name in module.__all__)


def _value(name_of_page: str, name: str) -> Any:
    return getattr(cxsdk.testing if name_of_page == "contract-testing.md" else cxsdk, name)


def _section(name_of_page: str, name: str) -> str:
    found = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", page(name_of_page), re.DOTALL | re.MULTILINE)
    assert found is not None, f"{name} is not on {name_of_page}."
    return found[1]


@pytest.mark.parametrize(("name_of_page", "name"), list(_public()))
def test_a_public_name_is_documented_with_all_that_it_has(name_of_page: str, name: str) -> None:
    shape = _section(name_of_page, name).partition("```python\n")[2].partition("```")[0]
    value = _value(name_of_page, name)
    assert name in shape
    if inspect.isclass(value):
        own = {member for member in (*vars(value), *value.__annotations__) if not hidden(member)}
        assert {member for member in own if not re.search(rf"\b{member}\b", shape)} == set()


def _functions() -> Iterator[Any]:
    for name_of_page, name in _public():
        value = _value(name_of_page, name)
        members = vars(value).items() if inspect.isclass(value) else ()
        for called, member in [(name, value), *((f"{name}.{inner}", member) for inner, member in members)]:
            function = inspect.unwrap(getattr(member, "__func__", member))
            if inspect.isfunction(function) and not hidden(function.__name__) and "cxsdk" in function.__module__:
                yield pytest.param(name_of_page, name, function, id=called)


@pytest.mark.parametrize(("name_of_page", "name", "function"), list(_functions()))
def test_a_function_is_documented_with_its_exact_signature(name_of_page: str, name: str, function: Any) -> None:
    shown = re.search(rf"def {function.__name__}\((.*)\) -> .*: \.\.\.", _section(name_of_page, name))
    assert shown is not None
    parameters = ast.parse(f"def shown({shown[1]}): ...").body[0].args  # type: ignore[attr-defined]
    named = [*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs]
    given = inspect.signature(function).parameters.values()
    expected = {
        one.name: "" if one.annotation is one.empty else one.annotation
        for one in given
        if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    }
    assert {one.arg: _bare(one.annotation) for one in named} == {name: _bare(said) for name, said in expected.items()}


def _bare(annotation: Any) -> str:
    """An annotation as text, whatever its quotes."""
    text = ast.unparse(annotation) if isinstance(annotation, ast.AST) else str(annotation or "")
    return ast.unparse(ast.parse(text.replace('"', "'"))) if text else ""


def test_every_event_of_the_log_is_documented() -> None:
    sources = (path.read_text(encoding="utf-8") for path in SHIPPED)
    calls = re.compile(r"\.(?:debug|info|warning|error|exception|critical)\(\s*\"([a-z_]+)\"")
    events = {event for source in sources for event in calls.findall(source)}
    assert len(events) > 30
    assert {event for event in events if f"| `{event}` |" not in page("events.md")} == set()


@pytest.mark.parametrize("kind", EventKind)
def test_a_business_event_is_documented(kind: EventKind) -> None:
    assert f"| `{kind}` |" in page("events.md")


@pytest.mark.parametrize("fact", get_args(Fact))
def test_a_fact_is_documented(fact: type) -> None:
    assert f"| [`{fact.__name__}`](contract.md#{fact.__name__.lower()}) |" in page("events.md")
    assert _section("contract.md", fact.__name__)


def test_every_counter_is_documented() -> None:
    sources = (path.read_text(encoding="utf-8") for path in SHIPPED)
    counters = {name for source in sources for name in re.findall(r"\bcount\(\s*\"([a-z_]+)\"", source)}
    assert len(counters) > 4
    assert {counter for counter in counters if f"| `{counter}` |" not in page("metrics.md")} == set()


def _figures() -> Iterator[str]:
    for path in sorted((ROOT / "cxsdk" / "metrics").glob("[a-z]*.py")):
        module = import_module(f"cxsdk.metrics.{path.stem}")
        for name, value in vars(module).items():
            if inspect.isfunction(value) and value.__module__ == module.__name__ and not hidden(name):
                yield name


@pytest.mark.parametrize("figure", list(_figures()))
def test_a_figure_is_documented_with_its_formula(figure: str) -> None:
    assert re.search(
        rf"^### {figure}\n\n```python\n# cxsdk\.metrics\.\w+\ndef {figure}\(", page("metrics.md"), re.MULTILINE
    )
