"""``APP``: what is wrong with the integrator's file is told with its line; a fresh one can be asked about at once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cxsdk import ConfigurationError
from cxsdk.cli.group import cli
from cxsdk.cli.loading import load_app

FRESH = "from cxsdk import CX\nfrom cxsdk_localcrm import LocalCRM\ncx = CX(crm=LocalCRM())\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of one's own, that Python imports nothing from afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("import os\nimport no_such_module\n", "line 2: there is no module 'no_such_module'."),
        ("from cxsdk import CX, Nothing\n", "line 1: ImportError: cannot import name 'Nothing'"),
        ("cx = CX(\n", "line 1: '(' was never closed."),
        ("\n\ncx = Cx()\n", "line 3: NameError: name 'Cx' is not defined."),
        ("def make():\n    return {}['crm']\ncx = make()\n", "line 2: KeyError: 'crm'."),
        ("x = 1\n", "has no CX object called 'cx'."),
    ],
)
@pytest.mark.parametrize("app", ["sample_app.py", "sample_app"])
def test_a_mistake_in_the_file_is_told_with_its_line(here: Path, written: str, told: str, app: str) -> None:
    (here / "sample_app.py").write_text(written)
    with pytest.raises(ConfigurationError) as error:
        load_app(app)
    assert error.value.code == "app_invalid"
    assert "sample_app" in str(error.value)
    assert told in str(error.value)


def test_a_wrong_setting_in_the_file_stays_what_it_is(here: Path) -> None:
    (here / "sample_app.py").write_text(FRESH.replace("CX(", "CX(chanels=[], "))
    with pytest.raises(ConfigurationError, match=r"Did you mean channels\?"):
        load_app("sample_app.py")


@pytest.mark.parametrize("app", ["nothing.py", "nothing", "nothing.at:all"])
def test_a_file_that_is_not_there_is_told(here: Path, app: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_app(app)
    assert error.value.code == "app_not_found"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["dead", "list"], "Nothing is set aside."),
        (["dead", "retry", "--all"], "0 owed again."),
        (["token", "list"], ""),
    ],
)
def test_a_fresh_file_can_be_asked_about(here: Path, command: list[str], told: str) -> None:
    (here / "sample_app.py").write_text(FRESH)
    done = CliRunner().invoke(cli, [*command, "sample_app.py"], catch_exceptions=False)
    assert done.exit_code == 0
    assert told in done.output


def test_nobody_is_known_to_a_fresh_file(here: Path) -> None:
    (here / "sample_app.py").write_text(FRESH)
    done = CliRunner().invoke(cli, ["explain", "+12125550123", "sample_app.py"])
    assert "No customer is known" in str(done.exception)
