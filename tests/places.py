"""Where tests keep their files."""

from __future__ import annotations

import shutil
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
#: What a whole run may need at a time, in bytes; containers often have less.
_ENOUGH = 2 * 2**30

#: In memory where that can be had, else None: what is tried is not the disk, and a process that is killed loses
#: nothing that it has written there.
MEMORY = str(_SHARED_MEMORY) if _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).free > _ENOUGH else None
