"""What is wrong with one plugin is reported, and hurts nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pluggy
import pytest

from cxsdk import Channel, hookimpl
from cxsdk.hooks import Found, Hooks, load
from cxsdk.hooks.loading import GROUP


class Pager(Channel):
    """What the good plugin registers."""


class Good:
    """Does nothing wrong."""

    @hookimpl
    def register_channels(self) -> list[type[Channel]]:
        return [Pager]


class Asynchronous:
    """A coroutine, of which nobody would ever hear."""

    @hookimpl
    async def on_case_opened(self) -> None:
        pass


class Generating:
    """An asynchronous generator."""

    @hookimpl
    async def register_channels(self) -> Any:
        yield Pager


class Wrapping:
    """Wants to stand around the others."""

    @hookimpl(wrapper=True)
    def filter_message(self, message: Any) -> Iterator[None]:
        return (yield)


class OldWrapping:
    """Wants the same in the old way."""

    @hookimpl(hookwrapper=True)
    def filter_message(self, message: Any) -> Iterator[None]:
        yield


class Misspelt:
    """A hook that would never be called."""

    @hookimpl
    def on_case_opend(self) -> None:
        pass


class TooCurious:
    """Wants to know what the hook does not tell."""

    @hookimpl
    def on_case_opened(self, case_id: str, weather: str) -> None:
        pass


class HalfGood:
    """One of its hooks is fine."""

    @hookimpl
    def register_channels(self) -> list[type[Channel]]:
        return [Pager]

    @hookimpl
    def on_case_opend(self) -> None:
        pass


BAD = {
    Asynchronous: "on_case_opened is an async function",
    Generating: "register_channels is an async function",
    Wrapping: "filter_message is a wrapper",
    OldWrapping: "filter_message is a wrapper",
    Misspelt: "There is no hook on_case_opend. Did you mean on_case_opened?",
    TooCurious: "weather",
    HalfGood: "There is no hook on_case_opend",
}


def hooks_of(*plugins: tuple[str, Any], found: list[EntryPoint] | None = None) -> Hooks:
    """The hooks of these plugins alone."""
    return Hooks(*load(plugins, found or []))


def problems(hooks: Hooks) -> dict[str, str]:
    return {found.name: found.problem for found in hooks.found}


def module(folder: Path, name: str, source: str) -> EntryPoint:
    """An installed module under an entry point of its own name."""
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    return EntryPoint(name, name, GROUP)


GOOD_MODULE = """
from cxsdk import Channel, hookimpl

class Pigeon(Channel):
    pass

@hookimpl
def register_channels():
    return [Pigeon]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory from which modules are imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_module_behind_an_entry_point_is_a_plugin(folder: Path) -> None:
    hooks = hooks_of(found=[module(folder, "sample_good", GOOD_MODULE)])
    assert hooks.found == (Found("sample_good"),)
    assert [cls.__name__ for cls in hooks.channels()] == ["Pigeon"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import sample_library_that_nobody_has", "ModuleNotFoundError: No module named"),
        ("def broken(:", "SyntaxError"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_reported_and_the_rest_runs(folder: Path, source: str, why: str) -> None:
    points = [module(folder, "sample_broken", source), module(folder, "sample_fine", GOOD_MODULE)]
    hooks = hooks_of(found=points)
    assert problems(hooks)["sample_broken"].startswith("It cannot be imported: ")
    assert why in problems(hooks)["sample_broken"]
    assert [cls.__name__ for cls in hooks.channels()] == ["Pigeon"]


def test_a_plugin_that_is_not_installed_is_reported() -> None:
    hooks = hooks_of(("good", Good()), found=[EntryPoint("gone", "sample_module_that_is_gone:plugin", GROUP)])
    assert "ModuleNotFoundError" in problems(hooks)["gone"]
    assert hooks.channels() == [Pager]


@pytest.mark.parametrize("plugin", BAD, ids=lambda plugin: plugin.__name__)
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_plugin_that_breaks_the_rules_is_left_out_with_the_reason(plugin: type, first: bool) -> None:
    both = [("bad", plugin()), ("good", Good())]
    hooks = hooks_of(*(both if first else reversed(both)))
    assert BAD[plugin] in problems(hooks)["bad"]
    assert problems(hooks)["good"] == ""
    assert hooks.channels() == [Pager]
    assert hooks.listeners("on_case_opened") == []


def test_what_is_left_out_is_left_out_as_a_whole() -> None:
    hooks = hooks_of(("half", HalfGood()))
    assert hooks.channels() == []


def test_functions_without_the_mark_are_no_hooks() -> None:
    class Quiet:
        async def on_case_opend(self) -> None:
            pass

        def register_channels(self) -> None:
            raise AssertionError("this is no hook")

    hooks = hooks_of(("quiet", Quiet()))
    assert problems(hooks) == {"quiet": ""}
    assert hooks.channels() == []


def test_the_bundled_plugins_are_found_without_a_problem() -> None:
    found = {one.name: one for one in Hooks.load().found}
    assert {"email", "hostedsurvey", "localcrm", "telegram", "telephony"} <= set(found)
    assert [one.problem for one in found.values() if one.distribution == "cxsdk" and one.problem] == []


def test_marks_of_another_project_are_not_ours() -> None:
    class Foreign:
        @pluggy.HookimplMarker("another_project")
        def on_case_opened(self) -> None:
            pass

    assert hooks_of(("foreign", Foreign())).listeners("on_case_opened") == []
