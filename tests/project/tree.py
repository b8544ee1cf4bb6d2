"""The project's own files, as its tests look at them."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def packages(parent: str) -> list[Path]:
    """The import packages right under a directory."""
    return sorted(init.parent for init in (ROOT / parent).glob("*/__init__.py"))


PLUGINS = packages("plugins")
PACKAGES = [ROOT / "cxsdk", *PLUGINS, *packages("workers")]
#: What runs in production. Servers that speak foreign protocols for tests and the demo have codes of those protocols.
SHIPPED = [
    path
    for package in PACKAGES
    for path in package.rglob("*.py")
    if not {"testing", "demo"} & set(path.relative_to(ROOT).parts)
]


def files() -> list[Path]:
    """Every file that is, or would be, committed."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in names.split("\0") if (path := ROOT / name).is_file()]
