"""Every kind of generated plugin, and the tutorial's, for the tests of them and for ``make types``."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from cxsdk.cli.scaffold import AUTHS, KINDS, Scaffold
from cxsdk.hooks.loading import NAME_LIMIT
from tests.project.pages import DOCS, blocks

VARIANTS = [(kind, auth) for kind in KINDS for auth in AUTHS]


def generate(into: Path) -> Iterator[Path]:
    """One of each kind and way to open the API."""
    for kind, auth in VARIANTS:
        yield Scaffold(f"desk-{kind}-{auth}", kind, auth).write(into)


def generate_longest(into: Path) -> Iterator[Path]:
    """The same under the longest names: no line may become too long."""
    for kind, auth in VARIANTS:
        name = f"{kind[:2]}{auth[0]}{'x' * NAME_LIMIT}"[:NAME_LIMIT]
        yield Scaffold(name, kind, auth).write(into)


def tutorial(into: Path) -> Path:
    """The plugin that the tutorial makes of a generated one."""
    folder = Scaffold("acme-desk", "crm", "token").write(into)
    for module in ("crm", "client", "mapping"):
        (folder / "acme_desk" / f"{module}.py").unlink()
    for name, program in tutorial_parts():
        (folder / f"{name}.py").write_text(program, encoding="utf-8")
    return folder


def tutorial_parts() -> Iterator[tuple[str, str]]:
    """The files that stand in the tutorial: place and text."""
    for block in blocks("python"):
        if block.page == DOCS / "tutorial.md" and block.mark.startswith("run: "):
            yield block.mark.removeprefix("run: "), block.text


if __name__ == "__main__":
    target = Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    print(*generate(target), made := tutorial(target))
    (made / "shop.py").unlink()  # the app that uses the plugin is no part of it
