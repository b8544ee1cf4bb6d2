"""The body of a request, read no further than is allowed."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import Receive


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """The whole body, or None where it is longer than ``limit`` bytes. Raises ClientDisconnect."""
    body, goes_on = bytearray(), True
    while goes_on:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        goes_on = message.get("more_body", False)
    return bytes(body)
