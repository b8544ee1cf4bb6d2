"""What the long-running commands share."""

from __future__ import annotations

import signal
import time

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


def wait_for_signal() -> None:
    """Blocks until SIGTERM or SIGINT; a second one ends the process as usual."""
    caught: list[int] = []  # an event may be locked by the very thread that the signal interrupts
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: caught.append(number))
    while not caught:
        time.sleep(0.2)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
