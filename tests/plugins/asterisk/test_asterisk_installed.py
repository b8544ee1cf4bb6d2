"""Asterisk in a whole installation: what its manager tells becomes entries and tasks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from cxsdk import CX
from cxsdk.domain.clock import ManualClock
from cxsdk.journeys import sources
from cxsdk.testing import NOW
from cxsdk.testing.inline import Installation, installed
from cxsdk_localcrm import LocalCRM
from tests.plugins.asterisk.ami import Manager
from tests.plugins.asterisk.samples import CUSTOMER, answered, asterisk, dial, hangup, rings, unanswered


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxsdk_asterisk.stream._LOOK_EVERY_S", 0.02)


@contextmanager
def office(folder: Path, manager: Manager) -> Iterator[tuple[Installation, LocalCRM]]:
    crm = LocalCRM(database=str(folder / "crm.db"))
    settings = {"database": f"sqlite:///{folder}/cx.db", "public_url": "https://cx.example.com"}
    cx = CX(crm=crm, channels=[asterisk(host=manager.host, port=manager.port)], **settings)
    with installed(cx, clock=ManualClock(NOW + timedelta(minutes=2))) as installation:
        yield installation, crm


def listen(installation: Installation) -> None:
    """One process reads for a moment, and everything it read is worked on."""
    [source] = [each for each in sources.sources_of(installation.runtime) if each.account == "asterisk"]
    fence = sources.acquire(installation.runtime, source, "test")
    assert fence is not None
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    sources.read_to_the_end(installation.runtime, source, fence, stop)
    sources.release(installation.runtime, source, fence)
    timer.join()
    installation.settle(read=False)


def test_a_call_that_an_agent_took_is_one_entry(tmp_path: Path) -> None:
    whole = [rings(), dial("DialBegin", 1), answered(8), hangup(60)]
    with Manager(whole, whole) as manager, office(tmp_path, manager) as (installation, crm):
        for _ in range(2):  # the same events, told once more
            listen(installation)
        [entry] = crm.entries()
        assert (entry["kind"], entry["state"], entry["seconds"], entry["counterpart"]) == (
            "call",
            "ended",
            52,
            CUSTOMER,
        )
        assert list(crm.tasks()) == []


def test_a_call_that_nobody_took_is_a_task(tmp_path: Path) -> None:
    with Manager([rings(), unanswered(20), hangup(21)]) as manager, office(tmp_path, manager) as (installation, crm):
        listen(installation)
        assert [entry["state"] for entry in crm.entries()] == ["missed"]
        assert len(list(crm.tasks())) == 1


def test_a_call_is_one_entry_though_two_processes_heard_half_of_it_each(tmp_path: Path) -> None:
    halves = [rings(), answered(8)], []
    with Manager(*halves) as manager, office(tmp_path, manager) as (installation, crm):
        listen(installation)
        assert list(crm.entries()) == []
        listen(installation)  # it is not listed any more
        assert [(entry["state"], entry["counterpart"]) for entry in crm.entries()] == [("ended", CUSTOMER)]
