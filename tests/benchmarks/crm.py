"""A CRM as a process of its own: it takes its time for each call, and writes down what it gets before it answers.

``python -m tests.benchmarks.crm --port 8090 --delay-ms 50 --ledger FILE``
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

#: How many records one call may bring.
MOST = 100


class CRM:
    """People and contacts in memory, each contact a line of the ledger. A key that is known changes nothing."""

    def __init__(self, delay_s: float, ledger: Path) -> None:
        self._delay_s = delay_s
        self._ledger = ledger.open("a", encoding="utf-8")
        self._people: dict[str, str] = {}
        self._contacts: dict[str, str] = {}
        self._comments: set[str] = set()
        self._calls = 0
        self._doubled = 0
        self._last_at = 0.0

    def routes(self) -> list[Route]:
        """What can be asked."""
        return [
            Route("/people/search", self.search, methods=["POST"]),
            Route("/people", self.create, methods=["POST"]),
            Route("/contacts", self.log, methods=["POST"]),
            Route("/figures", self.figures, methods=["GET"]),
        ]

    async def search(self, request: Request) -> Response:
        """The people who have one of these identities, or null."""
        asked = await self._call(request)
        return JSONResponse([next((self._people[i] for i in ids if i in self._people), None) for ids in asked])

    async def create(self, request: Request) -> Response:
        """New people with their identities."""
        return JSONResponse([self._person(person) for person in await self._call(request)])

    async def log(self, request: Request) -> Response:
        """New contacts, on the ledger before they are answered."""
        records = await self._call(request)
        ids = [self._contact(record) for record in records]
        self._ledger.flush()
        self._last_at = time.monotonic()
        return JSONResponse(ids)

    async def figures(self, _: Request) -> Response:
        """What came so far; ``last_at`` is when the last contact did, by the machine's monotonic clock."""
        told = {"calls": self._calls, "contacts": len(self._comments), "doubled": self._doubled}
        return JSONResponse({**told, "last_at": self._last_at})

    async def _call(self, request: Request) -> Sequence[Any]:
        self._calls += 1
        records: list[Any] = await request.json()
        if len(records) > MOST:
            raise ValueError("Too many records in one call.")
        await asyncio.sleep(self._delay_s)
        return records

    def _person(self, person: dict[str, Any]) -> str:
        id = f"p{person['key']}"
        self._people.update(dict.fromkeys(person["identities"], id))
        return id

    def _contact(self, record: dict[str, Any]) -> str:
        if record["key"] not in self._contacts:
            self._contacts[record["key"]] = f"c{len(self._contacts)}"
            self._doubled += record["comment"] in self._comments
            self._comments.add(record["comment"])
            self._ledger.write(f"{record['comment']}\n")
        return self._contacts[record["key"]]


def main() -> None:
    """Serves until it is told to end."""
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--delay-ms", type=float, required=True)
    options.add_argument("--ledger", type=Path, required=True)
    given = options.parse_args()
    app = Starlette(routes=CRM(given.delay_ms / 1000, given.ledger).routes())
    uvicorn.run(app, port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
