"""The way in: what senders bring is stored as the web does it, and they bring it again until it is taken."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from cxsdk.domain.raw import Raw
from cxsdk.errors import StoreUnavailable
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import inbox
from cxsdk.store.inbox import Arrival, Stored
from cxsdk.testing.simulation.boundaries import Boundaries, Killed
from cxsdk.testing.simulation.scene import Scene
from cxsdk.web.api_requests import Reader
from cxsdk.webhooks.items import ITEMS

#: So many of what was brought last may come again.
_REMEMBERED = 400


class Gateway:
    """The web processes, as their callers see them."""

    def __init__(self, scene: Scene, boundaries: Boundaries, runtime: Runtime) -> None:
        self._scene = scene
        self._boundaries = boundaries
        self._runtime = runtime
        self._readers = {name: Reader(runtime.api.name, model, ("mailbox", "office")) for name, model in ITEMS.items()}
        self.brought: list[Arrival] = []
        self._waiting: list[tuple[Sequence[Arrival], Callable[[], None]]] = []

    def webhook(self, account: str, payload: Any, id: str, taken: Callable[[], None] = lambda: None) -> None:
        """A vendor's event."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.bring([Arrival(account, Raw(id=id, body=body, received_at=self._scene.now))], taken)

    def item(self, type: str, payload: dict[str, Any], taken: Callable[[], None] = lambda: None) -> None:
        """An item for the ingest API."""
        body = json.dumps(payload).encode()
        request_key = f"request-{payload['id']}" if self._scene.rng.random() < 0.2 else None
        self.bring(self._readers[type].read(body, request_key, self._scene.now).arrivals, taken)

    def bring(self, arrivals: Sequence[Arrival], taken: Callable[[], None]) -> None:
        """Brings these records; whoever gets no answer brings them again some minutes later. Some come twice."""
        self._waiting.append((arrivals, taken))
        self.brought = [*self.brought[-_REMEMBERED:], *arrivals]
        if self._scene.rng.random() < 0.08:
            self._scene.plan_in(0, 600, lambda: self.again(arrivals))

    def again(self, arrivals: Sequence[Arrival]) -> None:
        """Brings what was brought before."""
        self._waiting.append((arrivals, lambda: None))

    def answer(self) -> None:
        """Stores what was brought, many requests to a commit, and answers each."""
        while self._waiting:
            size = self._scene.rng.choice((1, 10, 100))
            some, self._waiting = self._waiting[:size], self._waiting[size:]
            if self._take([arrival for arrivals, _ in some for arrival in arrivals]):
                for _, taken in some:
                    taken()
            else:
                for arrivals, taken in some:
                    self._scene.plan_in(1, 15, partial(self._bring_again, arrivals, taken))

    def _bring_again(self, arrivals: Sequence[Arrival], taken: Callable[[], None]) -> None:
        self._waiting.append((arrivals, taken))

    def _take(self, arrivals: Sequence[Arrival]) -> bool:
        names = " ".join(arrival.raw.id for arrival in arrivals)
        self._boundaries.enter("web")
        try:
            with self._runtime.store.write() as tx:
                outcomes = inbox.put(self._runtime.store, tx, arrivals)
        except (StoreUnavailable, Killed) as error:
            self._scene.note(f"web took nothing, {type(error).__name__}: {names}")
            return False
        finally:
            self._boundaries.leave()
        self._scene.note(f"web took, {outcomes.count(Stored.NEW)} of them new: {names}")
        return True
