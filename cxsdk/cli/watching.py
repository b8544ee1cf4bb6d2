"""Waiting for a change of the code that is being worked on."""

from __future__ import annotations

import importlib.util
import logging
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from cxsdk.cli.processes import Caught, wait_until

#: Whether changes can be seen: it comes with ``cxsdk[dev]``.
CAN_WATCH = importlib.util.find_spec("watchfiles") is not None


def folders_of_modules() -> list[Path]:
    """The folders of all that was imported, but for what is installed, and cxsdk itself."""
    modules = list(sys.modules.values())
    files = {Path(file).resolve() for module in modules if (file := getattr(module, "__file__", None))}
    return sorted({file.parent for file in files if not any(place in file.parents for place in _settled())})


def _settled() -> set[Path]:
    """Where nobody edits anything. An environment may lie within the app's folder, and the app within none."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return {Path(sysconfig.get_path(name)).resolve() for name in names} | {Path(__file__).resolve().parents[1]}


def wait_for_change(folders: Iterable[str], since: float, caught: Caught) -> list[Path]:
    """Waits until a Python file in one of these folders is newer than ``since``; none where a signal came first."""
    if not CAN_WATCH:
        wait_until(caught)
        return []
    from watchfiles import PythonFilter, watch

    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # counts changes
    there = [folder for folder in folders if Path(folder).is_dir()]
    watching = watch(
        *there,
        watch_filter=PythonFilter(),
        recursive=False,
        stop_event=caught,
        debounce=200,
        rust_timeout=200,
        yield_on_timeout=True,
    )
    next(watching, None)  # from here on it watches: what was saved before, while the code was loaded, is newer
    if changed := _newer(there, since):
        return changed
    return next((sorted({Path(path) for _, path in changes}) for changes in watching if changes), [])


def _newer(folders: Iterable[str], since: float) -> list[Path]:
    files = (path for folder in folders for path in Path(folder).glob("*.py"))
    return sorted(path for path in files if path.is_file() and path.stat().st_mtime > since)
