"""Every package is typed, shipped, registered and under the import contract: a new plugin cannot be forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project.tree import PACKAGES, PLUGINS, PYPROJECT, ROOT

NAMES = [package.name for package in PACKAGES]
PLUGIN_NAMES = [plugin.name for plugin in PLUGINS]
CONTRACTS = {contract["type"]: contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"]}


@pytest.mark.parametrize("package", PACKAGES, ids=NAMES)
def test_a_package_says_that_it_is_typed(package: Path) -> None:
    assert (package / "py.typed").is_file()


def test_every_package_is_in_the_wheel() -> None:
    shipped = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(shipped) == sorted(str(package.relative_to(ROOT)) for package in PACKAGES)


def test_every_plugin_is_registered_under_its_short_name() -> None:
    registered = PYPROJECT["project"]["entry-points"]["cxsdk.plugins"]
    assert registered == {name.removeprefix("cxsdk_"): name for name in PLUGIN_NAMES}


def test_every_package_is_under_the_import_contract() -> None:
    assert sorted(PYPROJECT["tool"]["importlinter"]["root_packages"]) == sorted(NAMES)
    assert sorted(CONTRACTS["acyclic_siblings"]["ancestors"]) == sorted(NAMES)


def test_every_plugin_is_kept_apart_from_the_others() -> None:
    assert sorted(CONTRACTS["independence"]["modules"]) == PLUGIN_NAMES
