"""A cable to a server, which a test may cut or clamp: cut, the server refuses; clamped, it never answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, closing, contextmanager, suppress
from urllib.parse import urlsplit

from tests.servers.process import LOOPBACK, free_port


class Cable:
    """Carries bytes between a port of its own and a server."""

    def __init__(self, host: str, port: int) -> None:
        self.port = free_port()
        self._far_end = (host, port)
        self._flows = asyncio.Event()
        self._listening: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cable")
        self._thread.start()
        self.mend()

    def cut(self) -> None:
        """Breaks every connection and refuses new ones."""
        self._do(self._cut())

    def clamp(self) -> None:
        """Takes connections and bytes, and passes nothing on."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def mend(self) -> None:
        """Carries again, also what waited while it was clamped."""
        self._do(self._mend())

    def close(self) -> None:
        """Takes the cable away."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, what: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(timeout=10)

    async def _cut(self) -> None:
        if self._listening:
            self._listening.close()
            self._listening = None
        for carrying in self._carrying:
            carrying.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _mend(self) -> None:
        self._flows.set()
        self._listening = self._listening or await asyncio.start_server(self._take, LOOPBACK, self.port)

    def _take(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        carrying = self._loop.create_task(self._carry(near_in, near_out))
        self._carrying.add(carrying)
        carrying.add_done_callback(self._carrying.discard)

    async def _carry(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        async with AsyncExitStack() as stack:
            stack.enter_context(suppress(OSError, ExceptionGroup, asyncio.CancelledError))
            stack.callback(near_out.transport.abort)
            await self._flows.wait()
            far_in, far_out = await asyncio.open_connection(*self._far_end)
            stack.callback(far_out.transport.abort)
            both = await stack.enter_async_context(asyncio.TaskGroup())
            both.create_task(self._pump(near_in, far_out))
            both.create_task(self._pump(far_in, near_out))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while some := await source.read(65_536):
            await self._flows.wait()
            sink.write(some)
            await sink.drain()
        raise ConnectionResetError  # one end is gone: so is the other


@contextmanager
def cabled(url: str) -> Iterator[tuple[Cable, str]]:
    """A cable to the server of a URL, and the URL that leads over it."""
    port = urlsplit(url).port or 0
    with closing(Cable(LOOPBACK, port)) as cable:
        yield cable, url.replace(f":{port}", f":{cable.port}", 1)
