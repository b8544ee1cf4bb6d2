"""Whatever a plugin raises is one failure of this plugin, also what would end a thread or a program."""

from __future__ import annotations

import threading
from asyncio import CancelledError

from cxsdk.errors import PluginBug

#: What ends more than a call: nothing that a plugin should raise, and it must not end what serves others.
_ENDINGS = (SystemExit, KeyboardInterrupt, GeneratorExit, CancelledError)


class guarded:  # noqa: N801 - reads as what it does; a generator would cost each webhook several times as much
    """Around a plugin's code: makes a PluginBug of what would end the worker, the server or the program.

    Ctrl-C arrives in the main thread, and still ends it.
    """

    def __init__(self, what: str = "It") -> None:
        self._what = what

    def __enter__(self) -> None:
        """Begins."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raises PluginBug instead of what ends more than a call."""
        if not isinstance(error, _ENDINGS):
            return
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            return
        why = f"{self._what} raised {type(error).__name__}, which would end more than its own call."
        raise PluginBug(why) from error
