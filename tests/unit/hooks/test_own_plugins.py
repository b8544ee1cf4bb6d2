"""Plugins of the configuration file: named after what they are, checked when the settings are, isolated as all are."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cxsdk import CX, ConfigurationError, hookimpl
from cxsdk.hooks import Hooks, named
from cxsdk.hooks.loading import NAME_LIMIT
from cxsdk.testing.inline import installed
from cxsdk_localcrm import LocalCRM


class Pager:
    """A plugin as an integrator writes it."""

    @hookimpl
    def on_case_opened(self, case_id: str) -> None:
        """Somebody is unhappy."""


class Broken:
    """Breaks the rules."""

    @hookimpl
    async def on_case_opened(self, case_id: str) -> None:
        """Nobody would ever wait for it."""


class Quiet:
    """Has no hooks at all."""


class Property:
    """Fails as soon as somebody looks at it."""

    @property
    def boom(self) -> None:
        raise AssertionError("nobody may look at it")

    @hookimpl
    def on_case_opened(self) -> None:
        """Somebody is unhappy."""


def module(name: str = "our_hooks") -> ModuleType:
    """A module with a hook."""
    made = ModuleType(name)
    made.on_case_closed = hookimpl(lambda outcome: None)  # type: ignore[attr-defined]
    return made


def called(name: str) -> Pager:
    """An object with a name of its own."""
    pager = Pager()
    pager.__name__ = name  # type: ignore[attr-defined]
    return pager


def cx(*plugins: Any, **settings: Any) -> CX:
    return CX(crm=LocalCRM(), plugins=plugins, **settings)


def refused(*plugins: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as error:
        cx(*plugins)
    assert error.value.cure
    return error.value


def test_a_module_is_called_by_its_name_an_object_by_its_own_or_its_classs() -> None:
    plugins = [module(), Pager(), called("night-pager")]
    assert named(plugins) == list(zip(["our_hooks", "Pager", "night-pager"], plugins, strict=True))


@pytest.mark.parametrize("other", [Pager(), called("Pager"), module("Pager")], ids=["class", "own name", "module"])
def test_two_plugins_of_one_name_are_refused(other: Any) -> None:
    error = refused(Pager(), other)
    assert (error.code, error.path) == ("plugin_name_taken", "CX.plugins.1")
    assert "'Pager'" in str(error)


def test_the_name_of_an_installed_plugin_is_taken() -> None:
    assert refused(called("email")).code == "plugin_name_taken"


@pytest.mark.parametrize(
    ("plugin", "code"),
    [
        (Quiet(), "plugin_invalid"),
        ("our_hooks", "plugin_invalid"),
        (LocalCRM(), "plugin_invalid"),
        (None, "plugin_invalid"),
        (Pager, "plugin_invalid"),
        (called("x" * (NAME_LIMIT + 1)), "plugin_name_invalid"),
    ],
    ids=["no hooks", "a string", "an account", "nothing", "a class", "a long name"],
)
def test_what_cannot_be_a_plugin_is_refused(plugin: Any, code: str) -> None:
    error = refused(Pager(), plugin)
    assert (error.code, error.path) == (code, "CX.plugins.1")


def test_nothing_of_a_plugin_is_run_to_look_at_it() -> None:
    assert named([Property()])


def opened(tmp_path: Path, *plugins: Any) -> Hooks:
    with installed(cx(*plugins, database=f"sqlite:///{tmp_path}/cx.db")) as installation:
        return installation.runtime.hooks


def test_what_the_file_names_is_found_among_the_installed(tmp_path: Path) -> None:
    hooks = opened(tmp_path, Pager(), module())
    assert hooks.listeners("on_case_opened") == ["Pager"]
    assert hooks.listeners("on_case_closed") == ["our_hooks"]
    found = {one.name: one for one in hooks.found}
    assert {"email", "Pager", "our_hooks"} <= set(found)
    assert (found["Pager"].problem, found["Pager"].distribution) == ("", "")


def hook(name: str, function: Any, **options: Any) -> ModuleType:
    """A module with one hook."""
    made = ModuleType("our_hook")
    setattr(made, name, hookimpl(**options)(function))
    return made


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        (Broken(), "on_case_opened is an async function; hooks are plain functions. Remove 'async'."),
        (hook("on_case_opend", lambda: None), "There is no hook on_case_opend. Did you mean on_case_opened?"),
        (hook("xyz", lambda: None), "There is no hook xyz. There are: choose_channel, filter_message,"),
        (
            hook("on_case_opened", lambda caseid: None),
            "on_case_opened brings no argument 'caseid'. Did you mean case_id?",
        ),
        (
            hook("on_case_opened", lambda *, who: None),
            "on_case_opened brings no argument 'who'. There are: case_id, customer_id, reason.",
        ),
        (hook("filter_message", lambda message: None, wrapper=True), "filter_message is a wrapper;"),
        (hook("ours", lambda: None, specname="on_case_opend"), "There is no hook on_case_opend. Did you mean"),
    ],
)
def test_a_hook_that_could_never_be_called_is_refused(plugin: Any, told: str) -> None:
    error = refused(Pager(), plugin)
    assert (error.code, error.path) == ("hook_invalid", "CX.plugins.1")
    assert told in str(error)


@pytest.mark.parametrize(
    "plugin",
    [
        hook("on_case_opened", lambda reason, ours=1, *args, **rest: None),
        hook("ours", lambda case_id: None, specname="on_case_opened"),
    ],
    ids=["what it need not be given", "another name"],
)
def test_a_hook_that_can_be_called_is_taken(plugin: Any, tmp_path: Path) -> None:
    assert opened(tmp_path, plugin).listeners("on_case_opened") == ["our_hook"]


def test_a_plugin_that_is_installed_already_is_not_told_twice(tmp_path: Path) -> None:
    import cxsdk_localcrm

    hooks = opened(tmp_path, cxsdk_localcrm)
    assert {one.name: one.problem for one in hooks.found}["cxsdk_localcrm"] == "It is the plugin 'localcrm' already."
    assert [crm.__name__ for crm in hooks.crms()].count("LocalCRM") == 1


def test_no_plugin_hides_the_accounts() -> None:
    assert [account.name for account in cx(Pager()).accounts()] == ["localcrm"]
