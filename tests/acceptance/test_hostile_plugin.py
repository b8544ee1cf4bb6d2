"""A hostile plugin harms itself alone: the host goes on, others are served, nothing is lost, no secret is told."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from cxsdk import CX, Channel, Context, Secret
from cxsdk.domain.clock import ManualClock
from cxsdk.errors import PluginBug
from cxsdk.journeys import sources
from cxsdk.observe import redact
from cxsdk.observe.logs import formatter
from cxsdk.store.tables import inbox, outbox
from cxsdk.testing.crm import FakeCRM
from cxsdk.testing.inline import Installation, installed
from cxsdk.web import public_app
from tests.acceptance.hostile import DEEDS, OVER, SECRET, HostileChannel, HostileCRM, HostileSource, NoSources

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class GoodChannel(HostileChannel):
    """The same, asked for good deeds only."""


@pytest.fixture(autouse=True)
def told() -> Iterator[io.StringIO]:
    """All that is logged while a test runs, the way it is written; none of it may hold the secret."""
    told, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(told)
    handler.setFormatter(formatter(as_json=True))
    root.addHandler(handler)
    try:
        yield told
    finally:
        root.removeHandler(handler)
        OVER.set()
    assert SECRET not in told.getvalue()


@contextmanager
def at_work(tmp_path: Path, crm: FakeCRM, *channels: Channel) -> Iterator[Installation]:
    cx = CX(crm=crm, channels=channels, database=f"sqlite:///{tmp_path}/cx.db")
    with installed(cx, clock=ManualClock(NOON)) as installation:
        yield installation


def in_a_worker(act: Callable[[], Any]) -> None:
    """Runs it as workers do, in a thread of its own: Ctrl-C never comes there."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - whatever ends the thread is what is looked for
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert failed == []


def posted(web: TestClient, account: str, deed: str, text: str, **headers: str) -> int:
    who = f"{''.join(filter(str.isalnum, text))}@example.com"
    said = {"do": deed, "text": text, "from": who, "at": NOON.isoformat()}
    return web.post(f"/webhooks/{account}", json=said, headers=headers).status_code


def rows(installation: Installation, table: Any) -> list[Any]:
    with installation.runtime.store.read() as tx:
        return list(tx.execute(table.select()))


def test_records_that_a_plugin_fails_on_are_set_aside_alone(tmp_path: Path) -> None:
    crm, secret = FakeCRM(), Secret(SECRET)
    deeds = [*DEEDS, "facts without end"]
    with (
        at_work(
            tmp_path, crm, HostileChannel(name="hostile", token=secret), GoodChannel(name="good", token=secret)
        ) as it,
        TestClient(public_app(it.opened)) as web,
    ):
        for deed in deeds:
            assert posted(web, "hostile", deed, f"with {deed}") == 202
        for deed in ("well", "change the record", "a huge text"):
            assert posted(web, "hostile", deed, f"beside {deed}") == 202
        assert posted(web, "good", "well", "over another account") == 202
        in_a_worker(it.settle)

        records = rows(it, inbox)
        assert {row.state for row in records} == {"done", "dead"}
        aside = [row for row in records if row.state == "dead"]
        assert len(aside) == len(deeds)
        assert all(row.reason and SECRET not in row.reason for row in aside)
        texts = [entry.text for entry in crm.entries()]
        assert {"beside well", "beside change the record", "over another account"} <= set(texts)
        assert len(texts) == 4


@pytest.mark.parametrize("deed", sorted(DEEDS))
def test_a_request_that_verify_fails_on_is_not_proven(tmp_path: Path, deed: str) -> None:
    fails = deed not in ("none", "a number", "a text", "things", "no end")
    hostile = HostileChannel(name="hostile", token=Secret(SECRET))
    with at_work(tmp_path, FakeCRM(), hostile) as it, TestClient(public_app(it.opened)) as web:
        assert posted(web, "hostile", "well", "refused", **{"X-Verify": deed}) == (401 if fails else 202)
        assert posted(web, "hostile", "well", "with a key", **{"X-Key": deed}) == 202
        assert posted(web, "hostile", "well", "after it") == 202
        texts = {row.state for row in rows(it, inbox)}
    assert texts == {"owed"}


def test_entries_that_a_crm_fails_on_are_tried_again_and_none_is_lost(tmp_path: Path) -> None:
    crm = HostileCRM()
    deeds = [*DEEDS, "sleep", "change the values", "a huge id", "well"]
    good = GoodChannel(name="good", token=Secret(SECRET))
    with at_work(tmp_path, crm, good) as it, TestClient(public_app(it.opened)) as web:
        for deed in deeds:
            assert posted(web, "good", "well", deed) == 202
        in_a_worker(it.settle)
        in_a_worker(lambda: it.pass_to(NOON + timedelta(days=3)))

        there = crm.counted()
        owed = {row.key: row for row in rows(it, outbox) if row.state != "done"}
        assert set(there) | {"a huge id"} == set(deeds), owed
        assert set(there.values()) == {1}
        assert all(row.state == "dead" and row.reason for row in owed.values())
        assert all(SECRET not in (row.reason or "") for row in rows(it, outbox))


@pytest.mark.parametrize("deed", sorted(DEEDS))
def test_a_source_that_fails_keeps_what_it_brought_and_ends_nothing_else(tmp_path: Path, deed: str) -> None:
    token = Secret(SECRET)
    with at_work(tmp_path, FakeCRM(), NoSources(token=token), HostileSource(name="hostile", token=token)) as it:
        [source] = [source for source in sources.sources_of(it.runtime) if source.name == deed.replace(" ", "-")]
        fence = sources.acquire(it.runtime, source, "test")
        failed: list[Exception] = []

        def read() -> None:
            assert fence is not None
            with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever it is, it is no end of the thread
                sources.read_to_the_end(it.runtime, source, fence, threading.Event())
            failed.append(caught.value)

        in_a_worker(read)
        assert SECRET not in redact(str(failed[0]))
        assert [row.state for row in rows(it, inbox)] == ["owed"]


class Quits(Channel):
    """Ends the program when it is opened."""

    def open(self, context: Context) -> None:
        raise SystemExit(SECRET)


def test_an_account_that_cannot_be_opened_is_named_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(PluginBug, match=r"quits\.open raised SystemExit"), at_work(tmp_path, FakeCRM(), Quits()):
        raise AssertionError("it is not open")


def test_ctrl_c_in_the_main_thread_still_ends_the_program(tmp_path: Path) -> None:
    hostile = HostileChannel(name="hostile", token=Secret(SECRET))
    with at_work(tmp_path, FakeCRM(), hostile) as it, TestClient(public_app(it.opened)) as web:
        posted(web, "hostile", "interrupt", "now")
        with pytest.raises(KeyboardInterrupt):
            it.settle()
