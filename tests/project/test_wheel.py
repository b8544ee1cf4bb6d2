"""The built wheel, installed away from the tree: what works here only because the tree is near, fails there."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.project.tree import PACKAGES, PYPROJECT, ROOT, files

#: What others run, each in a setting of its own: nobody imports it.
SCRIPTS = ("__main__", "migrations.env")
IMPORT_EVERYTHING = f"""
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    assert package.__file__.startswith(sys.prefix), package.__file__
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith({SCRIPTS}):
            importlib.import_module(module.name)
"""
LOAD_ENTRY_POINTS = """
from importlib.metadata import entry_points
print(*sorted(point.name for point in entry_points(group="cxsdk.plugins") if point.load()))
"""


def _run(*command: str | Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd="/", env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of a new environment with the wheel in it; its requirements are lent by the one we run in."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    _run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    (site_packages,) = home.glob("lib/python*/site-packages")
    # a path in a .pth file is added as it is: the editable install beside the requirements stays out
    (site_packages / "requirements.pth").write_text(sysconfig.get_path("purelib"))
    return home / "bin"


def test_the_wheel_holds_every_file_of_its_packages(wheel: Path) -> None:
    ours = {path.relative_to(package.parent) for package in PACKAGES for path in files() if package in path.parents}
    assert {str(path) for path in ours} <= set(ZipFile(wheel).namelist())


def test_everything_imports_from_the_wheel(installed: Path) -> None:
    _run(installed / "python", "-c", IMPORT_EVERYTHING, *(package.name for package in PACKAGES))


def test_the_command_says_its_version(installed: Path) -> None:
    assert PYPROJECT["project"]["version"] in _run(installed / "cxsdk", "--version")


def test_a_plugin_made_by_the_wheel_is_installed_and_found(installed: Path, tmp_path: Path) -> None:
    _run(installed / "cxsdk", "new", "plugin", "made-here", "--kind", "channel", "--into", tmp_path)
    pip = (sys.executable, "-m", "pip", "--python", installed / "python")
    without_network = ("--no-deps", "--no-index", "--no-build-isolation", "--quiet")
    _run(*pip, "install", *without_network, "--editable", tmp_path / "made-here")
    try:
        assert "made_here" in _run(installed / "python", "-c", LOAD_ENTRY_POINTS).split()
    finally:
        _run(*pip, "uninstall", "--quiet", "--yes", "made-here")


def test_the_plugins_of_the_wheel_load(installed: Path) -> None:
    names = _run(installed / "python", "-c", LOAD_ENTRY_POINTS).split()
    assert names == sorted(PYPROJECT["project"]["entry-points"]["cxsdk.plugins"])
