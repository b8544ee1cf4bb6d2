"""Reading a manager: logging in, what breaks a session, and what the next one finds out."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cxsdk import AuthenticationError, CallState, Page, Raw, Secret, Transient
from cxsdk.domain.clock import ManualClock
from cxsdk.domain.interaction import Interaction, Kind, fold
from cxsdk.testing import NOW, opened
from cxsdk_asterisk import Asterisk, session
from cxsdk_asterisk.messages import write_message
from tests.plugins.asterisk.ami import CUT, DEAF, Manager
from tests.plugins.asterisk.samples import (
    CALL,
    CUSTOMER,
    PHONE,
    SECRET,
    TRUNK,
    answered,
    asterisk,
    channel,
    hangup,
    rings,
)  # fmt: skip


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxsdk_asterisk.stream._LOOK_EVERY_S", 0.02)


@contextmanager
def reader(manager: Manager, **settings: Any) -> Iterator[Asterisk]:
    clock = settings.pop("clock", None)
    given = {"host": manager.host, "port": manager.port, **settings}
    with opened(asterisk(**given), clock=clock) as plugin:
        yield plugin


def read(plugin: Asterisk, cursor: str | None = None, *, until: int) -> list[Page]:
    """Pages until so many records are there; then it is told to stop, and its last words are read."""
    stop, pages = threading.Event(), list[Page]()
    for page in plugin.sources()["ami"](cursor, stop):
        pages.append(page)
        if sum(len(each.items) for each in pages) >= until:
            stop.set()
    return pages


def records(pages: list[Page]) -> list[Raw]:
    return [raw for page in pages for raw in page.items]


def call(plugin: Asterisk, *pages: Page) -> Interaction:
    return fold([fact for raw in records([*pages]) for fact in plugin.parse(raw)], Kind.CALL)  # type: ignore[misc]


WHOLE = [rings(), answered(8), hangup(60)]


def test_events_are_records_as_they_came() -> None:
    with Manager(WHOLE) as manager, reader(manager) as plugin:
        pages = read(plugin, until=3)
        assert [raw.body for raw in records(pages)] == WHOLE
        assert call(plugin, *pages).talk_seconds == 52
        assert manager.left.wait(1)
    assert manager.actions() == ["Challenge", "Login", "CoreShowChannels", "Logoff"]
    assert SECRET not in str(manager.asked)


def test_only_what_may_tell_of_calls_is_kept() -> None:
    noise = [write_message(Event=name, Channel=TRUNK) for name in ("RTCPSent", "FullyBooted", "NewsOfNextYear")]
    noise.append(write_message(Event="VarSet", Channel=TRUNK, Variable="SIPDOMAIN", Value="example.com"))
    with Manager([*noise, rings()]) as manager, reader(manager) as plugin:
        assert [raw.body for raw in records(read(plugin, until=1))] == [rings()]


def test_packets_may_end_anywhere() -> None:
    stream = b"".join(WHOLE)
    with Manager([stream[n : n + 41] for n in range(0, len(stream), 41)]) as manager, reader(manager) as plugin:
        assert [raw.body for raw in records(read(plugin, until=3))] == WHOLE


@pytest.mark.parametrize("settings", [{"challenge": True}, {"challenge": False}])
def test_a_secret_that_is_not_accepted_is_told_and_not_shown(settings: dict[str, bool]) -> None:
    with (
        Manager() as manager,
        reader(manager, secret=Secret("not-that-one"), **settings) as plugin,
        pytest.raises(AuthenticationError, match=r"manager\.conf") as refused,
    ):
        read(plugin, until=1)
    assert "not-that-one" not in repr(refused.value)


def test_the_secret_is_sent_only_where_it_is_wanted() -> None:
    with Manager([rings()]) as manager, reader(manager, challenge=False) as plugin:
        read(plugin, until=1)
    assert manager.asked[0]["secret"] == SECRET


def test_what_is_no_manager_is_told() -> None:
    with Manager() as manager:
        manager.banner = b"220 mail.example.com ESMTP\r\n"
        with reader(manager) as plugin, pytest.raises(Transient, match="port of AMI"):
            read(plugin, until=1)


@pytest.mark.parametrize("banner", [b"", b"Asterisk"])
def test_a_manager_that_does_not_greet_is_waited_for_a_while(banner: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "ANSWER_S", 0.05)
    with Manager() as manager:
        manager.banner = banner
        with reader(manager) as plugin, pytest.raises(Transient):
            read(plugin, until=1)


# -- what breaks


def pages_until_broken(plugin: Asterisk, cursor: str | None = None) -> tuple[list[Page], Transient]:
    pages, reading = list[Page](), plugin.sources()["ami"](cursor, threading.Event())
    while True:
        try:
            pages.append(next(reading))
        except Transient as broken:
            return pages, broken


def test_a_break_is_followed_by_another_login_that_waits_longer_each_time() -> None:
    with Manager([rings(), b"Event: Hang", CUT], [CUT], [CUT], WHOLE) as manager, reader(manager) as plugin:
        pages, first = pages_until_broken(plugin)
        waits = [first.retry_after, *(pages_until_broken(plugin)[1].retry_after for _ in range(2))]
        assert waits == [1, 2, 4]
        assert [raw.body for raw in records(pages)] == [rings()]
        assert [raw.body for raw in records(read(plugin, pages[-1].cursor, until=3)) if raw.body in WHOLE] == WHOLE


def test_a_manager_that_is_not_there_is_tried_again() -> None:
    with Manager() as manager:
        pass
    with reader(manager) as plugin:
        _, broken = pages_until_broken(plugin)
    assert (broken.code, broken.retry_after) == ("asterisk_unreachable", 1)


def test_silence_is_asked_into_and_a_longer_one_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "SILENCE_S", 0.05)
    monkeypatch.setattr(session, "ANSWER_S", 0.2)
    with Manager([rings(), DEAF]) as manager, reader(manager) as plugin:
        pages, broken = pages_until_broken(plugin)
        assert "silent" in str(broken)
        assert len(records(pages)) == 1
        assert manager.actions().count("Ping") == 1


def test_a_manager_that_answers_is_only_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "SILENCE_S", 0.03)
    with Manager([rings()]) as manager, reader(manager) as plugin:
        stop = threading.Event()
        pages = plugin.sources()["ami"](None, stop)
        assert next(pages).items
        threading.Timer(0.2, stop.set).start()
        assert list(pages) == []
        assert manager.actions().count("Ping") >= 2


def test_what_comes_before_we_have_left_is_read() -> None:
    class Talkative(Manager):
        def _answer(self, connection: Any, action: Any, **fields: str) -> None:
            if action["action"] == "Logoff":
                connection.write(hangup(60))
            super()._answer(connection, action, **fields)

    with Talkative([rings()]) as manager, reader(manager) as plugin:
        assert [raw.body for raw in records(read(plugin, until=1))] == [rings(), hangup(60)]


# -- our own side fails


def test_a_page_that_could_not_be_stored_is_brought_again_in_the_same_session() -> None:
    with Manager([rings()]) as manager, reader(manager) as plugin:
        reading = plugin.sources()["ami"](None, threading.Event())
        [lost] = next(reading).items
        reading.close()  # as the core does when its database is away
        again = read(plugin, until=1)
        assert records(again) == [lost]
        assert manager.actions().count("Login") == 1


def test_a_session_that_was_left_open_is_closed_with_the_plugin() -> None:
    with Manager([rings()]) as manager:
        with reader(manager) as plugin:
            next(plugin.sources()["ami"](None, threading.Event()))
        assert manager.left.wait(1)


# -- what the next session finds out

LISTED = [
    write_message(**channel(TRUNK, CUSTOMER, BridgeId="b1")),
    write_message(**channel(PHONE, "101", "1767614400.49", BridgeId="b1")),
]


def test_a_call_that_began_while_nobody_listened_is_known() -> None:
    with Manager([hangup(60)], channels=LISTED) as manager, reader(manager) as plugin:
        found = call(plugin, *read(plugin, until=2))
    assert (found.state, found.agent, found.is_over) == (CallState.ENDED, "101", True)


@pytest.mark.parametrize(
    ("told", "state", "seen_s"), [([rings()], CallState.MISSED, 0), (WHOLE[:2], CallState.ENDED, 8)]
)
def test_a_call_that_ended_while_nobody_listened_is_over_since_it_was_last_seen(
    told: list[bytes], state: CallState, seen_s: int
) -> None:
    clock = ManualClock(NOW)
    with Manager(told, []) as manager, reader(manager, clock=clock) as plugin:
        first = read(plugin, until=len(told))
        assert not call(plugin, *first).is_over
        clock.advance(timedelta(hours=3))
        second = read(plugin, first[-1].cursor, until=1)
        found = call(plugin, *first, *second)
        assert (found.state, found.is_over) == (state, True)
        assert found.ended_at == NOW + timedelta(seconds=seen_s)
        third = list(plugin.sources()["ami"](second[-1].cursor, _set()))
        assert records(third) == []


def test_a_call_that_goes_on_is_not_over() -> None:
    with Manager(WHOLE[:2], [], channels=LISTED) as manager, reader(manager) as plugin:
        first = read(plugin, until=3)
        second = read(plugin, first[-1].cursor, until=1)
        assert not call(plugin, *first, *second).is_over


def test_while_calls_go_on_it_is_written_down_that_they_were_seen() -> None:
    clock = ManualClock(NOW)
    with Manager([rings()]) as manager, reader(manager, clock=clock) as plugin:
        stop = threading.Event()
        pages = plugin.sources()["ami"](None, stop)
        first = next(pages)
        clock.advance(timedelta(seconds=20))
        later = next(pages)
        stop.set()
        assert (later.items, CALL in (later.cursor or "")) == ((), True)
        assert later.cursor != first.cursor


def test_without_the_right_to_list_calls_events_are_read_all_the_same() -> None:
    with Manager([rings()]) as manager, reader(manager) as plugin:
        manager.may_list = False
        assert len(records(read(plugin, until=1))) == 1


@pytest.mark.parametrize("cursor", [None, "", "7", "{}", '{"at": "never", "calls": []}', '{"at": 3, "calls": 4}', "[]"])
def test_a_cursor_that_cannot_be_read_is_no_obstacle(cursor: str | None) -> None:
    with Manager([rings()]) as manager, reader(manager) as plugin:
        assert len(records(read(plugin, cursor, until=1))) == 1


def test_events_without_a_time_are_told_apart_by_when_they_came() -> None:
    untimed = write_message(Event="Hangup", **channel(TRUNK, CUSTOMER))
    clock = ManualClock(NOW)
    ids = set()
    with Manager([untimed], [untimed]) as manager, reader(manager, clock=clock) as plugin:
        for _ in range(2):
            ids |= {raw.id for raw in records(read(plugin, until=1))}
            clock.advance(timedelta(seconds=1))
    assert len(ids) == 2


def test_the_same_event_told_to_two_sessions_is_one_record() -> None:
    with Manager([rings()], [rings()]) as manager, reader(manager) as plugin:
        ids = [raw.id for _ in range(2) for raw in records(read(plugin, '{"at": "x"}', until=1))]
    assert len(set(ids)) == 1


# -- TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem",
        ],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    return tmp_path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


def test_over_tls_a_certificate_that_is_trusted_is_enough(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    with Manager([rings()], tls=tls) as manager, reader(manager, host="localhost", tls=True) as plugin:
        assert len(records(read(plugin, until=1))) == 1


def test_over_tls_a_certificate_that_nobody_vouches_for_is_refused(tls: ssl.SSLContext) -> None:
    with (
        Manager(tls=tls) as manager,
        reader(manager, host="localhost", tls=True) as plugin,
        pytest.raises(AuthenticationError) as refused,
    ):
        read(plugin, until=1)
    assert refused.value.code == "asterisk_untrusted"


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event
