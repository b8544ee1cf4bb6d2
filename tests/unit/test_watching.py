"""What counts as a change of the code that is being worked on."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

import cxsdk
from cxsdk.cli import watching
from cxsdk.cli.processes import Caught
from cxsdk.cli.watching import folders_of_modules, wait_for_change


def test_what_was_saved_while_the_code_was_loaded_is_a_change(tmp_path: Path) -> None:
    began = time.time()
    late, early = tmp_path / "late.py", tmp_path / "early.py"
    for path, moment in ((late, began + 1), (early, began - 1)):
        path.touch()
        os.utime(path, (moment, moment))
    assert wait_for_change([str(tmp_path), str(tmp_path / "gone")], began, Caught()) == [late]


def test_a_signal_ends_the_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    caught = Caught()
    caught.catch(2, None)
    assert wait_for_change([str(tmp_path)], time.time(), caught) == []
    monkeypatch.setattr(watching, "CAN_WATCH", False)
    assert wait_for_change([str(tmp_path)], 0, caught) == []


def test_what_is_installed_is_not_watched_and_what_is_worked_on_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = ModuleType("sample_of_mine")
    mine.__file__ = str(tmp_path / "plugin" / "__init__.py")
    monkeypatch.setitem(sys.modules, "sample_of_mine", mine)
    folders = folders_of_modules()
    assert (tmp_path / "plugin").resolve() in folders
    for installed in (pytest.__file__, os.__file__, cxsdk.__file__):
        assert Path(installed).resolve().parent not in folders
