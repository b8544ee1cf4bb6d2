"""The survey page, served on loopback to a real browser."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright
from starlette.applications import Starlette

from cxsdk.domain.clock import SystemClock
from cxsdk.web.surveys import survey_routes
from cxsdk.webhooks.links import LinkSigner
from tests.unit.web.desk import Desk


class Site:
    """A running site: its desk, and the addresses of its pages."""

    def __init__(self, desk: Desk, signer: LinkSigner, origin: str) -> None:
        self.desk = desk
        self._signer = signer
        self._origin = origin

    def link(self, token: str, query: str = "") -> str:
        return f"{self._origin}/s/{self._signer.sign(token, datetime.now(UTC) + timedelta(days=1))}{query}"


@pytest.fixture(scope="module")
def browser(address_of: Callable[[str], str]) -> Iterator[Browser]:
    """One Chromium for all tests of a module: each opens a context of its own."""
    # the sandbox needs rights that root in a container lacks; the pages are our own
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=address_of("chromium"), args=["--no-sandbox"])


@pytest.fixture
def site() -> Iterator[Site]:
    desk, signer = Desk(), LinkSigner(b"a key of sixteen bytes or more")
    app = Starlette(routes=survey_routes(desk, signer, SystemClock()))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield Site(desk, signer, f"http://127.0.0.1:{listener.getsockname()[1]}")
        server.should_exit = True
        thread.join(10)
