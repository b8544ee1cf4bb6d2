"""An installation at work in one process, with the broker over which it rings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import dramatiq

from cxsdk.app import CX, Opened
from cxsdk_workers.brokers import make_broker
from cxsdk_workers.doorbells import doorbell_for


@contextmanager
def connected(cx: CX) -> Iterator[tuple[Opened, dramatiq.Broker]]:
    """Opens the installation and its broker, and closes both at the end."""
    with closing(make_broker(cx.broker)) as broker, cx.open(doorbell_for(cx.broker, broker)) as opened:
        yield opened, broker
