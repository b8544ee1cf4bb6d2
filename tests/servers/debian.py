"""What comes from Debian: installed when we may, and only what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import Unavailable, is_root, run

#: Where Debian asks whether a freshly installed service may start; 101 forbids it.
POLICY = Path("/usr/sbin/policy-rc.d")


def require(*packages: str) -> None:
    """Sees to it that these packages are installed. Raises Unavailable where they are not and we may not."""
    missing = [package for package in packages if not _installed(package)]
    if not missing:
        return
    if not is_root() or shutil.which("apt-get") is None:
        raise Unavailable(
            f"needs the Debian packages {' '.join(missing)}; as root: apt-get install {' '.join(missing)}"
        )
    with _services_stay_off():
        _apt_get("update")
        _apt_get("install", "--yes", "--no-install-recommends", *missing)


def _installed(package: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    if shutil.which(query[0]) is None:
        return False
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout == "installed"


def _apt_get(*arguments: str) -> None:
    # --option: another apt on this machine may hold the lock for a while
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "--quiet=2", "--option=DPkg::Lock::Timeout=300", *arguments], env=quiet)


@contextmanager
def _services_stay_off() -> Iterator[None]:
    """The tests start servers of their own: the machine gets no new system services from them."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
