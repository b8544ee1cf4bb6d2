"""What really happens on a socket: refused, reset, cut off, byte by byte."""

from __future__ import annotations

import contextlib
import gc
import gzip
import socket
import struct
import time
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

import pytest

from cxsdk import OutcomeUnknown, Rejected, Transient
from cxsdk.http import Session, deadline, wire

pytestmark = pytest.mark.enable_socket


Handler = Callable[[socket.socket, Event], None]
Serve = Callable[..., Any]
Opener = Callable[..., Session]


def answers(text: str, body: bytes = b"") -> Handler:
    head = f"HTTP/1.1 {text}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return lambda connection, _: connection.sendall(head + body)


def drips(data: bytes) -> Handler:
    def drip(connection: socket.socket, over: Event) -> None:
        for byte in data:
            if over.wait(0.01):
                return
            connection.sendall(bytes([byte]))

    return drip


def resets(connection: socket.socket, over: Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def is_silent(connection: socket.socket, over: Event) -> None:
    over.wait(5)


def cuts_off(connection: socket.socket, over: Event) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id": 1')
    connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def session() -> Iterator[Opener]:
    opened: list[Session] = []

    def start(url: str, **options: Any) -> Session:
        opened.append(Session(url, account="acme", sleep=lambda _: None, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@contextlib.contextmanager
def takes_at_most(seconds: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def test_connections_are_kept_and_used_again(serve: Serve, session: Opener) -> None:
    server = serve(answers("200 OK", b'{"id": 7}'), answers("500 second connection"))
    http = session(server.url)
    assert [http.post("/people", json={"name": "Sample"}), http.get("/people/7")] == [{"id": 7}, {"id": 7}]
    assert len(server.requests) == 2
    assert server.requests[0].endswith(b'{"name": "Sample"}')


@pytest.mark.parametrize("verb", ["get", "post"])
def test_a_refused_connection_did_not_happen_and_is_tried_three_times(session: Opener, verb: str) -> None:
    slept: list[float] = []
    http = Session(closed_port(), sleep=slept.append)
    with pytest.raises(Transient, match="Connection refused"):
        getattr(http, verb)("/people")
    assert len(slept) == 2


@pytest.mark.parametrize("behaves", [resets, cuts_off])
def test_a_write_without_a_whole_answer_is_unknown_and_not_repeated(
    serve: Serve, session: Opener, behaves: Handler
) -> None:
    server = serve(behaves)
    with pytest.raises(OutcomeUnknown):
        session(server.url).post("/people", json={})
    assert len(server.requests) == 1


@pytest.mark.parametrize("behaves", [resets, cuts_off])
def test_a_read_without_a_whole_answer_is_repeated(serve: Serve, session: Opener, behaves: Handler) -> None:
    server = serve(behaves, behaves, answers("200 OK", b"[]"))
    assert session(server.url).get("/people") == []
    assert len(server.requests) == 3


def test_a_post_that_only_reads_is_repeated_like_a_get(serve: Serve, session: Opener) -> None:
    server = serve(resets, answers("200 OK", b"[]"))
    assert session(server.url).post("/search", json={}, reads=True) == []
    assert len(server.requests) == 2


def test_a_silent_server_is_left_at_the_deadline(serve: Serve, session: Opener) -> None:
    server = serve(is_silent)
    with takes_at_most(1.0), pytest.raises(OutcomeUnknown, match="TimeoutError"):
        session(server.url, deadline_s=0.1).post("/people", json={})


def test_a_silent_server_is_transient_for_a_read(serve: Serve, session: Opener) -> None:
    server = serve(is_silent)
    with takes_at_most(1.0), pytest.raises(Transient):
        session(server.url, deadline_s=0.1).get("/people")


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b" " * 1000,
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 200,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    ],
    ids=["body", "headers", "chunks", "continue"],
)
def test_an_answer_that_comes_byte_by_byte_ends_at_the_deadline(serve: Serve, session: Opener, text: bytes) -> None:
    server = serve(drips(text))
    with takes_at_most(1.0), pytest.raises(OutcomeUnknown):
        session(server.url, deadline_s=0.15).post("/people", json={})
    assert len(server.requests) == 1


def test_a_slow_answer_that_is_in_time_is_read_whole(serve: Serve, session: Opener) -> None:
    server = serve(drips(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    assert session(server.url, deadline_s=10).get("/people") == {}


def test_the_deadline_around_a_call_covers_all_its_requests(serve: Serve, session: Opener) -> None:
    server = serve(answers("200 OK", b"{}"))
    http = session(server.url)
    with deadline(0.05):
        assert http.post("/people") == {}
        time.sleep(0.06)
        with pytest.raises(Transient, match="did not happen"):
            http.post("/people")
    assert len(server.requests) == 1


def test_an_inner_deadline_never_prolongs_the_outer_one(serve: Serve, session: Opener) -> None:
    server = serve(is_silent)
    with takes_at_most(1.0), deadline(0.1), deadline(60), pytest.raises(OutcomeUnknown):
        session(server.url).post("/people")


def test_a_call_may_have_a_deadline_of_its_own(serve: Serve, session: Opener) -> None:
    server = serve(is_silent)
    with takes_at_most(1.0), pytest.raises(Transient):
        session(server.url).get("/updates", deadline_s=0.1)


def test_a_body_without_end_is_cut_off(serve: Serve, session: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "BODY_LIMIT", 1000)
    server = serve(answers("200 OK", b"[" + b" " * 100_000 + b"]"))
    with pytest.raises(Rejected, match="too long"):
        session(server.url).get("/people")
    with pytest.raises(OutcomeUnknown, match="too long"):
        session(server.url).post("/people")


def test_the_limit_counts_unpacked_bytes(serve: Serve, session: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "BODY_LIMIT", 1000)
    server = serve(answers("200 OK\r\nContent-Encoding: gzip", gzip.compress(b" " * 1_000_000)))
    with pytest.raises(Rejected, match="too long"):
        session(server.url).get("/people")


def test_a_refusal_with_a_broken_body_is_still_a_refusal(serve: Serve, session: Opener) -> None:
    def refuses(connection: socket.socket, over: Event) -> None:
        connection.sendall(b'HTTP/1.1 422 No\r\nContent-Length: 100\r\n\r\n{"code": "BAD')
        connection.shutdown(socket.SHUT_RDWR)

    with pytest.raises(Rejected) as caught:
        session(serve(refuses).url).post("/people", json={})
    assert caught.value.status == 422


def test_what_is_no_http_is_unknown_to_a_write(serve: Serve, session: Opener) -> None:
    server = serve(lambda connection, _: connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n"))
    with pytest.raises(OutcomeUnknown):
        session(server.url, deadline_s=0.5).post("/people")


def test_an_answer_with_impossible_headers_is_unknown_to_a_write(serve: Serve, session: Opener) -> None:
    server = serve(answers("200 OK\r\nContent-Length: 1, 5", b"{}"))
    with pytest.raises(OutcomeUnknown):
        session(server.url).post("/people")


def test_a_connection_that_was_closed_meanwhile_is_made_anew(serve: Serve, session: Opener) -> None:
    def once(connection: socket.socket, over: Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        connection.shutdown(socket.SHUT_RDWR)

    server = serve(once)
    http = session(server.url)
    for _ in range(3):
        assert http.post("/people") == {}
        time.sleep(0.02)
    assert len(server.requests) == 3


def test_a_name_that_nobody_knows_did_not_happen(session: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Transient, match="not known"):
        session("http://nowhere.example.com").post("/people")


def test_a_silent_name_server_does_not_outlast_the_deadline(session: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    over = Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(5) and [])
    with takes_at_most(1.0), pytest.raises(Transient):
        session("http://nowhere.example.com", deadline_s=0.1).post("/people")
    over.set()


def test_a_dead_address_leaves_time_for_the_next(
    serve: Serve, session: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answers("200 OK", b"{}"))
    port = int(server.url.rsplit(":", 1)[1])
    real = wire.create_connection

    def connect(address: tuple[str, int], seconds: float, *rest: Any) -> socket.socket:
        if address[0] == "192.0.2.1":
            assert seconds <= wire.CONNECT_S / 2
            raise TimeoutError("timed out")
        return real(address, seconds, *rest)

    monkeypatch.setattr(wire, "create_connection", connect)
    monkeypatch.setattr(wire, "_addresses", lambda *_: ["192.0.2.1", "127.0.0.1"])
    assert session(f"http://api.example.com:{port}").post("/people") == {}


def test_nothing_is_sent_after_the_deadline(serve: Serve, session: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(answers("200 OK", b"{}"))

    def slow(*args: object) -> list[str]:
        time.sleep(0.1)
        return ["127.0.0.1"]

    monkeypatch.setattr(wire, "_addresses", slow)
    with pytest.raises(Transient):
        session(server.url, deadline_s=0.05).post("/people")
    assert server.requests == []


def test_each_thread_has_connections_of_its_own_and_leaves_none_open(serve: Serve, session: Opener) -> None:
    server = serve(answers("200 OK", b"{}"))
    http = session(server.url)
    found: list[Any] = []

    def ask() -> None:
        found.extend(http.get("/people") for _ in range(5))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert found == [{}] * 40
    assert not list(http._opened)


def test_a_proxy_of_the_environment_is_used(serve: Serve, session: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serve(answers("200 OK", b"[]"))
    monkeypatch.setenv("http_proxy", proxy.url)
    assert session("http://api.example.com").get("/people") == []
    assert proxy.requests[0].startswith(b"GET http://api.example.com/people HTTP/1.1")


def test_a_proxy_that_refuses_a_tunnel_means_that_nothing_was_sent(
    serve: Serve, session: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(answers("403 Forbidden"))
    monkeypatch.setenv("https_proxy", proxy.url)
    with pytest.raises(Transient):
        session("https://api.example.com").post("/people", json={})
    assert {request.split(b" ")[0] for request in proxy.requests} == {b"CONNECT"}


def test_a_proxy_that_answers_byte_by_byte_does_not_outlast_the_deadline(
    serve: Serve, session: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(drips(b"HTTP/1.1 200 Connection established\r\nX-Long: " + b"x" * 1000))
    monkeypatch.setenv("https_proxy", proxy.url)
    with takes_at_most(1.0), pytest.raises(Transient):
        session("https://api.example.com", deadline_s=0.15).post("/people", json={})


def test_a_silent_handshake_ends_at_the_deadline(session: Opener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, takes_at_most(1.0), pytest.raises(Transient):
        session(f"https://127.0.0.1:{silent.getsockname()[1]}", deadline_s=0.2).post("/people")
