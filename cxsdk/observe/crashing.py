"""Crash points: places where a test has a real process killed, around each commit and each call to the outside.

A point is named after the code that passes it: ``journeys.absorb:absorb/after commit``. Tell ``arm`` that name, by the
variable ``CXSDK_CRASH_AT``, and the process kills itself there; with ``@3`` behind it, when it comes by for the third
time. Where nobody is told anything, a point costs nothing worth measuring.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from inspect import currentframe

#: The variable of the environment that names a point.
VARIABLE = "CXSDK_CRASH_AT"

#: Modules that lie between a point and the code that it is named after.
_BETWEEN = frozenset({__name__, "contextlib", "cxsdk.store.engine"})


@dataclass
class _Trap:
    """The point that kills, and how many times it is still to be passed; no name is no trap."""

    point: str = ""
    left: int = 0


_trap = _Trap()


def arm(told: str) -> None:
    """Has this process killed at a point, ``name`` or ``name@3``. An empty name disarms it."""
    _trap.point, _, times = told.partition("@")
    _trap.left = int(times or 1)


def passing(moment: str) -> None:
    """Here is a point; ``moment`` tells it from the others of the same function."""
    if _trap.point:
        _pass(_place(), moment)


def calling(what: str = "") -> AbstractContextManager[None]:
    """Around a call to the outside: a point before it, and one after it where it did not fail.

    ``what`` tells calls apart that are made at the same place.
    """
    return _calling(what) if _trap.point else nullcontext()


@contextmanager
def _calling(what: str) -> Iterator[None]:
    place = _place()
    name = f"{what} call" if what else "call"
    _pass(place, f"before {name}")
    yield
    _pass(place, f"after {name}")


def _place() -> str:
    """The code that passes a point."""
    frame = currentframe()
    while frame is not None and frame.f_globals["__name__"] in _BETWEEN:
        frame = frame.f_back
    if frame is None:
        return ""
    return f"{frame.f_globals['__name__'].removeprefix('cxsdk.')}:{frame.f_code.co_qualname}"


def _pass(place: str, moment: str) -> None:
    if f"{place}/{moment}" != _trap.point:
        return
    _trap.left -= 1
    if _trap.left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
