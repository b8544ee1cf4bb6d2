"""What no file of the project may hold."""

from __future__ import annotations

import re
from pathlib import Path

from tests.project.tree import ROOT, files

#: Where packages come from is the business of whoever installs them. Written in parts: this file is read too.
REGISTRIES = re.compile(
    "|".join(("pypi" + r"\.org", "python" + "hosted", "npm" + r"js\.", "deb" + r"\.debian", "crates" + r"\.io"))
)
LOCK_FILES = {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "pylock.toml", "package-lock.json"}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="ignore")


def test_no_file_names_a_package_registry() -> None:
    assert [str(path.relative_to(ROOT)) for path in files() if REGISTRIES.search(_text(path))] == []


def test_no_lock_file_is_kept() -> None:
    assert [path.name for path in files() if path.name in LOCK_FILES] == []
