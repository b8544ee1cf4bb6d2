"""What the long-running commands share."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cxsdk.app import CX
from cxsdk.errors import ConfigurationError


def refuse_in_process_broker(cx: CX, command: str) -> None:
    """``web``, ``worker`` and ``clock`` are processes of their own: a broker inside one reaches no other."""
    if cx.broker.startswith("memory:"):
        raise ConfigurationError(
            f"memory:// reaches no other process, and cxsdk {command} is one of several.",
            path="CX.broker",
            cure="Give database:// (PostgreSQL itself), redis://… or amqp://…, or run everything in one process with: "
            "cxsdk run APP",
            code="broker_in_process",
        )


class Caught:
    """Whether a signal has come that asks for the end."""

    def __init__(self) -> None:
        self._numbers: list[int] = []  # an event may be locked by the very thread that the signal interrupts

    def is_set(self) -> bool:
        """Whether one has come."""
        return bool(self._numbers)

    def catch(self, number: int, _: object) -> None:
        """Notes one."""
        self._numbers.append(number)


@contextmanager
def catching() -> Iterator[Caught]:
    """Notes SIGTERM and SIGINT until the end of the block; after it, they end the process as usual."""
    caught = Caught()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, caught.catch)
    yield caught
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def wait_for_signal() -> None:
    """Blocks until SIGTERM or SIGINT; a second one ends the process as usual."""
    with catching() as caught:
        wait_until(caught)


def wait_until(caught: Caught) -> None:
    """Blocks until a signal has come."""
    while not caught.is_set():
        time.sleep(0.2)
