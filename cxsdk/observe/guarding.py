"""Whatever a plugin raises is one failure of this plugin, also what would end a thread or a program."""

from __future__ import annotations

import threading
from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager

from cxsdk.errors import PluginBug

#: What ends more than a call: nothing that a plugin should raise, and it must not end what serves others.
_ENDINGS = (SystemExit, KeyboardInterrupt, GeneratorExit, CancelledError)


@contextmanager
def guarded(what: str = "It") -> Iterator[None]:
    """Around a plugin's code: makes a PluginBug of what would end the worker, the server or the program.

    Ctrl-C arrives in the main thread, and still ends it.
    """
    try:
        yield
    except _ENDINGS as error:
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise
        raise PluginBug(f"{what} raised {type(error).__name__}, which would end more than its own call.") from error
