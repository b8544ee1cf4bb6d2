"""Everything that a replay needs, put together and played."""

from __future__ import annotations

import socket
import sqlite3
import time as clocks
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TextIO

from sqlalchemy import event

from cxsdk.app import Opened
from cxsdk.demo.clock import ReplayClock
from cxsdk.demo.doorbell import PatientDoorbell
from cxsdk.demo.hours import ZONE, evening
from cxsdk.demo.office import configure, local_crm, register_webhook, stand_ins
from cxsdk.demo.progress import Point, follow
from cxsdk.demo.purchases import Purchase
from cxsdk.demo.replay import Replay
from cxsdk.demo.report import Report, make_report
from cxsdk.demo.stories import BEFORE
from cxsdk.demo.wire import Wire
from cxsdk.demo.world import World
from cxsdk.store import Store, schema, tokens
from cxsdk.web import public_app
from cxsdk.web.serving import PRIVATE_HOST, serving
from cxsdk_localcrm import LocalCRM
from cxsdk_workers.brokers import QUEUE, make_broker
from cxsdk_workers.doorbells import MemoryDoorbell
from cxsdk_workers.worker import working

#: SQLite has one writer: more threads would only wait for each other.
THREADS = 2


@dataclass(frozen=True)
class Stage:
    """An installation at work, and the world around it."""

    opened: Opened
    crm: LocalCRM
    clock: ReplayClock
    world: World
    purchases: Sequence[Purchase]
    doorbell: PatientDoorbell

    def play(self, stream: TextIO) -> Report:
        """Replays all purchases and what goes on around them, and counts."""
        began = clocks.monotonic()
        self.world.plan(self.purchases)
        replay = Replay(self.opened.runtime, self.clock, self.world, self.doorbell.work_off, self.opened.cx.keep_raw)
        begin, end = self.clock.now(), evening(self.purchases[-1].day)
        follow((self._point(begin, end, moment) for moment in replay.run(end)), stream)
        return make_report(self.opened.runtime, self.crm, self.world, clocks.monotonic() - began)

    def _point(self, begin: datetime, end: datetime, moment: datetime) -> Point:
        contacts = (len(self.world.ledger.acknowledged), len(self.world.ledger.contacts))
        purchases = (self.world.till.told, self.world.purchases)
        return Point(
            moment, {"days": ((moment - begin).days, (end - begin).days), "purchases": purchases, "contacts": contacts}
        )


@contextmanager
def staged(folder: Path, purchases: Sequence[Purchase], seed: int, port: int = 0) -> Iterator[Stage]:
    """The installation at work, with broker, workers and web server, and the world around it."""
    clock, port = ReplayClock(_first_morning(purchases)), port or _free_port()
    with ExitStack() as stack:
        others = stack.enter_context(stand_ins(clock))
        crm = local_crm(folder / "crm.db")
        cx = configure(crm, folder / "cx.db", others, f"http://{PRIVATE_HOST}:{port}")
        schema.upgrade_sqlite(cx.store())
        broker = stack.enter_context(closing(make_broker(cx.broker)))
        doorbell = PatientDoorbell(MemoryDoorbell(broker), join=lambda: broker.join(QUEUE))
        opened = stack.enter_context(cx.open(lambda _: doorbell, clock=clock))
        _hurry(opened.runtime.store)
        stack.enter_context(working(opened.runtime, broker, THREADS))
        stack.enter_context(serving(public_app(opened), PRIVATE_HOST, port))
        register_webhook(cx)
        wire = stack.enter_context(Wire(port))
        world = World(wire, others, crm, _make_token(opened.runtime.store), seed)
        yield Stage(opened, crm, clock, world, purchases, doorbell)


def _free_port() -> int:
    with socket.create_server((PRIVATE_HOST, 0)) as listening:
        return int(listening.getsockname()[1])


def _first_morning(purchases: Sequence[Purchase]) -> datetime:
    """When the replay begins: before anybody does anything."""
    return datetime.combine(purchases[0].day, time(), ZONE) - timedelta(days=BEFORE + 1)


def _make_token(store: Store) -> str:
    """A token of the ingest API, for the shop's own systems."""
    with store.write() as tx:
        return tokens.create(store, tx, "shop") or ""


def _hurry(store: Store) -> None:
    """Lets commits not wait for the disk: a replay of many months in minutes would wait for little else.

    Only a power cut or a crash of the machine loses anything by it, and nobody misses a demo's database.
    """
    event.listen(store.engine, "connect", _be_quick)
    store.engine.dispose()


def _be_quick(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA wal_autocheckpoint = 20000")
