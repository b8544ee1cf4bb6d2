"""A CRM as a process of its own, which is never killed: it writes into its ledger first, and answers by its mood.

``python -m tests.soak.crm --port 8090 --ledger FILE [--keeps-keys]``
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.soak import ledger
from tests.soak.plan import OK

#: How long until its search sees what was written, where it does not keep keys.
LAG_S = 2.0
#: How long a call takes, and how long it keeps silent before a gateway gives up for it.
CALL_S, SILENCE_S = 0.02, 5.0
BUSY = {"error": "busy, try again"}


class CRM:
    """People and contacts. ``keeps_keys``: the same key again is the same record; else it knows nothing again."""

    def __init__(self, book: Path, *, keeps_keys: bool) -> None:
        self._ledger = book
        self._keeps_keys = keeps_keys
        self._mood = OK
        self._calls: Counter[str] = Counter()
        self._numbers, self._tries = itertools.count(1), itertools.count(1)
        self._found: dict[str, tuple[str, float]] = {}  # by key or identity: the id, and since when

    def routes(self) -> list[Route]:
        """What can be asked."""
        asked: dict[str, Callable[[Any], Any]] = {
            "/people/search": self._search, "/written/search": self._find, "/people": self._person,
            "/contacts": self._contact,
        }  # fmt: skip
        calls = [Route(path, self._answering(act, "search" in path), methods=["POST"]) for path, act in asked.items()]
        return [*calls, Route("/mood/{mood}", self._change, methods=["POST"]), Route("/calls", self._tell)]

    # Moods

    def _answering(self, act: Callable[[Any], Any], is_search: bool) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            records: Sequence[Any] = await request.json()
            await asyncio.sleep(CALL_S)
            mood = self._mood
            self._calls[mood] += 1
            if refusal := await _refusal(mood):
                return refusal
            answers = [BUSY if self._is_left_out(mood, is_search) else act(record) for record in records]
            return await _after_storing(mood) or JSONResponse(answers)

        return answer

    def _is_left_out(self, mood: str, is_search: bool) -> bool:
        return mood == "partial" and not is_search and next(self._tries) % 2 == 0

    async def _change(self, request: Request) -> Response:
        self._mood = request.path_params["mood"]
        return Response()

    async def _tell(self, _: Request) -> Response:
        return JSONResponse(self._calls)

    # Records

    def _search(self, identities: list[str]) -> str | None:
        return next(filter(None, map(self._find, identities)), None)

    def _find(self, name: str) -> str | None:
        id, since = self._found.get(name, (None, 0.0))
        is_seen = self._keeps_keys or since + LAG_S <= time.monotonic()
        return id if is_seen else None

    def _person(self, record: dict[str, Any]) -> dict[str, str]:
        return self._store(record["key"], f"person {record['identities'][0]}", record["identities"])

    def _contact(self, record: dict[str, Any]) -> dict[str, str]:
        return self._store(record["key"], f"contact {record['comment']}")

    def _store(self, key: str, what: str, identities: Sequence[str] = ()) -> dict[str, str]:
        if self._keeps_keys and key in self._found:
            return {"id": self._found[key][0]}
        ledger.add(self._ledger, what)
        id = f"r{next(self._numbers)}"
        for name in (key, *identities):
            self._found.setdefault(name, (id, time.monotonic()))
        return {"id": id}


async def _refusal(mood: str) -> Response | None:
    """An answer before anything is stored."""
    if mood == "429":
        return Response(status_code=429, headers={"Retry-After": "1"})
    if mood == "timeout_before":
        await asyncio.sleep(SILENCE_S)
        return Response(status_code=504)
    return Response(status_code=500) if mood == "5xx_before" else None


async def _after_storing(mood: str) -> Response | None:
    """Another answer than the one that is due."""
    if mood == "timeout_after":
        await asyncio.sleep(SILENCE_S)
        return Response(status_code=504)
    if mood == "garbage":
        return Response("<html>It works!</html>", media_type="text/html")
    return Response(status_code=500) if mood == "5xx_after" else None


def main() -> None:
    """Serves until it is told to end."""
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--ledger", type=Path, required=True)
    options.add_argument("--keeps-keys", action="store_true")
    given = options.parse_args()
    crm = CRM(given.ledger, keeps_keys=given.keeps_keys)
    uvicorn.run(Starlette(routes=crm.routes()), port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
