"""An installation at work in one process, with the broker over which it rings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dramatiq

from cxsdk.app import CX, Opened
from cxsdk_workers.brokers import connected_to
from cxsdk_workers.collecting import collect_less_often
from cxsdk_workers.doorbells import doorbell_for, ringing


@contextmanager
def connected(cx: CX) -> Iterator[tuple[Opened, dramatiq.Broker]]:
    """Opens the installation, its broker and what rings over it, and closes them at the end."""
    with (
        connected_to(cx.broker, cx.database) as broker,
        cx.open(doorbell_for(cx.broker, broker, cx.lease)) as opened,
        ringing(opened.runtime.doorbell),
    ):
        collect_less_often()
        yield opened, broker
