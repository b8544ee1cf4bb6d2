"""Every kind of generated plugin, for the tests of them and for ``make types``."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from cxsdk.cli.scaffold import AUTHS, KINDS, Scaffold
from cxsdk.hooks.loading import NAME_LIMIT

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


if __name__ == "__main__":
    target = Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    print(*generate(target))
