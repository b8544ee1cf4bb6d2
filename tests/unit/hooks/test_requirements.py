"""A plugin that requires another version of cxsdk is told from one that is broken, and hurts nobody else."""

from __future__ import annotations

from importlib.metadata import Distribution, EntryPoint, version
from pathlib import Path
from typing import Any

import pytest

from cxsdk import Channel, ConfigurationError, hookimpl
from cxsdk.domain import compatibility
from cxsdk.hooks import Found, Hooks, load, named
from cxsdk.hooks.loading import GROUP

OTHER = ">=99"


class Listener:
    """A plugin of hooks."""

    @hookimpl
    def on_case_opened(self, case_id: str) -> None:
        pass


class OfTomorrow(Listener):
    requires_cxsdk = OTHER


@pytest.mark.parametrize("requires", ["", ">=0.1", f"=={version('cxsdk')}", ">=0.1, <99", "~=0.1", "!=0.0.1"])
def test_a_version_that_fits_is_no_problem(requires: str) -> None:
    assert compatibility.misfit(requires) == ""


@pytest.mark.parametrize("requires", [OTHER, "<0.1", "==0.0.1", ">=0.1,<0.1"])
def test_a_version_that_does_not_fit_is_told_with_both(requires: str) -> None:
    said = compatibility.misfit(requires)
    assert said.startswith("It requires cxsdk ")
    assert said.endswith(f", and this is {version('cxsdk')}.")


def test_a_release_candidate_fits_what_asks_for_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compatibility, "version", lambda name: "1.2.0rc1")
    assert compatibility.misfit(">=1.1") == ""
    assert "this is 1.2.0rc1" in compatibility.misfit(">=1.2")


def test_what_names_no_versions_is_told_with_an_example() -> None:
    assert compatibility.misfit("new") == ("requires_cxsdk must name versions, as in \">=0.1,<2\"; 'new' names none.")


@pytest.mark.parametrize(
    ("requirements", "asked"),
    [
        (["requests>=2", "cxsdk>=0.1,<2"], "<2,>=0.1"),
        (["CXSDK[oauth] >= 3"], ">=3"),
        (["cxsdk"], ""),
        (["cxsdk-sample>=9", "cxsdksample>=9"], ""),
        (["cxsdk>=9; extra == 'tests'"], ""),
        (["cxsdk>=2; python_version >= '3'", "cxsdk<3"], ">=2,<3"),
        (["cxsdk is what we need"], ""),
        ([], ""),
    ],
)
def test_what_a_distribution_asks_of_cxsdk_is_read_off_its_requirements(requirements: list[str], asked: str) -> None:
    assert compatibility.required(requirements) == asked


def test_an_account_of_a_class_that_does_not_fit_cannot_be_made() -> None:
    class Pager(Channel):
        requires_cxsdk = OTHER

    with pytest.raises(ConfigurationError) as refused:
        Pager()
    assert (refused.value.code, refused.value.path) == ("plugin_incompatible", "Pager")
    assert str(refused.value).startswith(f"Pager: It requires cxsdk >=99, and this is {version('cxsdk')}. Install ")


def test_a_class_that_fits_is_made_an_account() -> None:
    class Pager(Channel):
        requires_cxsdk = ">=0.1"

    assert Pager().name == "pager"


def test_an_object_in_the_configuration_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigurationError) as refused:
        named([OfTomorrow()])
    assert (refused.value.code, refused.value.path) == ("plugin_incompatible", "CX.plugins.0")


def found(*plugins: tuple[str, Any], points: list[EntryPoint] | None = None) -> tuple[Hooks, dict[str, Found]]:
    hooks = Hooks(*load(plugins, points or []))
    return hooks, {one.name: one for one in hooks.found}


def test_a_plugin_that_does_not_fit_is_left_out_and_the_others_go_on() -> None:
    hooks, plugins = found(("later", OfTomorrow()), ("now", Listener()))
    assert plugins["later"].code == "plugin_incompatible"
    assert plugins["later"].problem.startswith("It requires cxsdk >=99, ")
    assert plugins["now"].problem == ""
    assert hooks.listeners("on_case_opened") == ["now"]


class Installed(Distribution):
    """A distribution with these requirements."""

    def __init__(self, *requirements: str) -> None:
        self._requirements = requirements

    def read_text(self, filename: str) -> str | None:
        lines = ["Name: sample-plugin", "Version: 1.0", *(f"Requires-Dist: {one}" for one in self._requirements)]
        return "\n".join(lines) if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        return Path(path)

    def point(self, value: str) -> EntryPoint:
        point = EntryPoint("sample", value, GROUP)
        vars(point).update(dist=self)
        return point


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that cannot be imported without what only another cxsdk has."""
    (tmp_path / "sample_of_tomorrow.py").write_text("from cxsdk import NameOfTomorrow\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "sample_of_tomorrow"


def test_what_a_distribution_requires_is_told_before_it_is_imported(sample: str) -> None:
    _, plugins = found(points=[Installed(f"cxsdk{OTHER}").point(sample)])
    assert (plugins["sample"].code, plugins["sample"].version) == ("plugin_incompatible", "1.0")
    assert plugins["sample"].problem.startswith("It requires cxsdk >=99, ")


def test_a_distribution_that_fits_is_imported(sample: str) -> None:
    _, plugins = found(points=[Installed("cxsdk>=0.1").point(sample)])
    assert plugins["sample"].code == "plugin_broken"
    assert plugins["sample"].problem.startswith("It cannot be imported: ImportError")
