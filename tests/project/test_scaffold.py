"""What ``cxsdk new plugin`` makes: a distribution that is clean, and whose own tests pass as they are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner

from cxsdk.cli import vendors
from cxsdk.cli.group import cli
from cxsdk.cli.loading import load_app
from cxsdk.cli.scaffold import KINDS, Scaffold
from cxsdk.errors import ConfigurationError
from cxsdk.hooks.loading import NAME_LIMIT
from tests.scaffolds import generate, generate_longest


def _run(*command: str | Path, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=80
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return list(generate(tmp_path_factory.mktemp("plugins")))


def test_a_generated_plugin_is_clean_whatever_its_name(generated: list[Path], tmp_path: Path) -> None:
    list(generate_longest(tmp_path))
    for folder in (generated[0].parent, tmp_path):
        _run(sys.executable, "-m", "ruff", "check", "--no-cache", ".", cwd=folder)
        _run(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", ".", cwd=folder)


#: All tests of one kind each, and of the others those that depend on how the API is opened.
WORTHWHILE = "CrmToken or ChannelBasic or SurveyToken or SurveyOauth2 or credentials or secrets or settings"


def test_the_tests_of_a_generated_plugin_pass(generated: list[Path]) -> None:
    paths = os.pathsep.join([*map(str, generated), *filter(None, [os.environ.get("PYTHONPATH")])])
    plain = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": paths}
    quick = ("-q", "-p", "no:cacheprovider", "-W", "error", "--rootdir", ".", "-k", WORTHWHILE)
    told = _run(sys.executable, "-m", "pytest", *quick, ".", cwd=generated[0].parent, **plain)
    assert int(re.findall(r"(\d+) passed", told)[0]) > 100, told


def test_the_tests_of_a_generated_plugin_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Scaffold("careless-crm", "crm", "token").write(tmp_path)
    client = folder / "careless_crm" / "client.py"
    client.write_text(client.read_text().replace('"quota_exceeded"', '"quota"'))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.syspath_prepend(folder / "tests")
    tests = import_module("test_careless_crm")
    with pytest.raises(pytest.fail.Exception, match=r"A limit .403"):
        tests.TestCarelessCrm().test_every_limit_is_honoured("log")


def test_a_generated_readme_has_an_app_in_which_the_stand_in_answers(
    generated: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in generated:
        monkeypatch.syspath_prepend(folder)
        [app] = re.findall(r"^```python\n(.*?)^```$", (folder / "README.md").read_text(), re.DOTALL | re.MULTILINE)
        shop = tmp_path / f"{folder.name.replace('-', '_')}_shop.py"
        shop.write_text(app, encoding="utf-8")
        accounts = {account.name: account for account in load_app(str(shop)).accounts()}
        assert vendors.put_in_place(accounts[folder.name.replace("-", "")], print) == "its stand-in answers"


def test_what_runs_in_production_does_not_load_the_stand_in(generated: list[Path], tmp_path: Path) -> None:
    packages = [folder.name.replace("-", "_") for folder in generated]
    script = f"import sys, {', '.join(packages)}; print([name for name in sys.modules if 'cxsdk.testing' in name])"
    paths = os.pathsep.join([*map(str, generated), os.environ.get("PYTHONPATH", "")])
    assert _run(sys.executable, "-c", script, cwd=tmp_path, PYTHONPATH=paths) == "[]\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_generated_plugin_is_found_by_its_entry_point(kind: str, tmp_path: Path) -> None:
    folder = Scaffold("our-desk", kind, "basic").write(tmp_path)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    script = f"from {project['entry-points']['cxsdk.plugins']['our_desk']} import *; print(OurDesk.__name__)"
    paths = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    assert _run(sys.executable, "-c", script, cwd=tmp_path, PYTHONPATH=paths) == "OurDesk\n"


def test_a_generated_plugin_is_built_as_a_wheel(tmp_path: Path) -> None:
    folder = Scaffold("our-channel", "channel", "token").write(tmp_path)
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", cwd=folder)
    [wheel] = folder.glob("dist/*.whl")
    names = ZipFile(wheel).namelist()
    assert {"our_channel/__init__.py", "our_channel/py.typed", "our_channel/fake.py"} <= set(names)
    assert not [name for name in names if name.startswith("tests")]


def test_each_place_to_change_is_marked(generated: list[Path]) -> None:
    for folder in generated:
        [package] = folder.glob("desk_*")
        for file in (*package.glob("[!_]*.py"), folder / "tests" / f"test_{package.name}.py", folder / "README.md"):
            assert "CHANGE" in file.read_text(encoding="utf-8"), file


# -- names


@pytest.mark.parametrize(
    "name", ["", "Acme", "acme crm", "1crm", "acme-", "a--b", "../acme", "ацме", "a" * (NAME_LIMIT + 1)]
)
def test_a_bad_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Scaffold(name, "crm", "token").write(tmp_path)
    assert refused.value.code == "plugin_name_invalid"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["class", "email", "cxsdk", "cxsdk-twilio", "telegram", "requests", "task", "raw"])
def test_the_name_of_something_else_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Scaffold(name, "crm", "token").write(tmp_path)
    assert refused.value.code == "plugin_name_taken"


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "README.md").write_text("mine")
    with pytest.raises(ConfigurationError) as refused:
        Scaffold("acme", "crm", "token").write(tmp_path)
    assert refused.value.code == "folder_exists"
    assert [(path.name, path.read_text()) for path in (tmp_path / "acme").iterdir()] == [("README.md", "mine")]


# -- the command


def test_the_command_says_what_to_do_next(tmp_path: Path) -> None:
    told = CliRunner().invoke(cli, ["new", "plugin", "acme-desk", "--kind", "crm", "--into", str(tmp_path / "new")])
    assert told.exit_code == 0, told.output
    assert (tmp_path / "new" / "acme-desk" / "acme_desk" / "crm.py").is_file()
    assert "pip install -U pip" in told.output
    assert "pytest" in told.output
