"""Commands that meet another process at the same rows try again, and end with a code where they never win."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cxsdk import CxsdkError
from cxsdk.cli.token import command as token
from cxsdk.domain.clock import SystemClock
from cxsdk.store import LostRace, Store, patience, schema, tokens

APP = """
from cxsdk import CX
from cxsdk_localcrm import LocalCRM

cx = CX(crm=LocalCRM(database="{folder}/crm.db"), database="sqlite:///{folder}/cx.db")
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(patience, "LONGEST_S", 0)
    with closing(Store(f"sqlite:///{tmp_path}/cx.db", SystemClock())) as store:
        schema.upgrade(store)
    (tmp_path / "shop.py").write_text(APP.format(folder=tmp_path), encoding="utf-8")
    return str(tmp_path / "shop.py")


def losing(monkeypatch: pytest.MonkeyPatch, races: int) -> None:
    """The next transactions that make a token lose so many races."""
    create, left = tokens.create, iter(range(races))

    def lose(*args: Any) -> str | None:
        made = create(*args)
        if next(left, None) is not None:
            raise LostRace
        return made

    monkeypatch.setattr(tokens, "create", lose)


def test_a_command_that_lost_a_race_is_done_all_the_same_and_once(app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    losing(monkeypatch, races=2)
    assert CliRunner().invoke(token, ["create", "shop", app]).exit_code == 0
    assert CliRunner().invoke(token, ["list", app]).output.count("shop") == 1


def test_a_command_that_loses_every_race_says_so_and_changed_nothing(app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    losing(monkeypatch, races=99)
    error = CliRunner().invoke(token, ["create", "shop", app]).exception
    assert isinstance(error, CxsdkError)
    assert (error.code, "once more" in str(error)) == ("race_lost", True)
    assert "shop" not in CliRunner().invoke(token, ["list", app]).output
