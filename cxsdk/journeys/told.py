"""Telling plugins what happened: owed in the transaction in which it did, and only where a plugin listens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from cxsdk.domain.ids import stable_id
from cxsdk.domain.outward import Receipt
from cxsdk.journeys.desk import Desk, Finished
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction, outbox
from cxsdk.store.outbox import OutKind, Owed

#: Before a plugin's name in its hook lane: an account of the same name rests for itself.
PREFIX = "hook-"


def tell(runtime: Runtime, tx: Transaction, hook: str, about: str, arguments: Mapping[str, Any]) -> None:
    """Owes an ``on_`` hook to each plugin that implements it; ``about`` makes it the same event when owed twice."""
    body = {"hook": hook, "arguments": dict(arguments)}
    listeners = runtime.hooks.listeners(hook)
    if listeners:
        key = stable_id(hook, about)
        outbox.owe(runtime.store, tx, [Owed(f"{PREFIX}{plugin}", OutKind.HOOK, key, body) for plugin in listeners])


class HookDesk(Desk):
    """Calls one plugin's hooks, one at a time; what it raises is owed to it again."""

    def build(self, tx: Transaction, rows: Sequence[Row[Any]]) -> Mapping[int, Mapping[str, Any]]:
        """The hook's name and arguments."""
        return {row.id: row.body for row in rows}

    def call(self, values: Sequence[Mapping[str, Any]]) -> Iterator[Receipt]:
        """Calls the hook of the plugin after which the lane is named."""
        for value in values:
            self.runtime.hooks.tell(self.account.removeprefix(PREFIX), value["hook"], value["arguments"])
            yield Receipt.accepted()

    def done(self, tx: Transaction, finished: Finished) -> None:
        """Nothing follows from a hook."""
