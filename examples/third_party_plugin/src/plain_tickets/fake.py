"""Plain Tickets in memory: for the tests, and for ``cxsdk dev``. It answers as the README's table says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from cxsdk.testing import Answer, HttpStandIn, SentRequest

Row = dict[str, Any]
PREFIX = {"customers": "C", "notes": "N", "tickets": "T"}


class FakePlainTickets(HttpStandIn):
    """One workspace, with one agent."""

    limits: ClassVar[Sequence[Answer]] = (Answer(403, {"error": "over_plan"}, wait=300),)
    refused: ClassVar[Answer] = Answer(422, {"error": "invalid"})

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def records(self) -> dict[str, Row]:
        return self.rows

    def complete(self, task_id: str) -> Row:
        """An agent closes a ticket; what the webhook tells of it."""
        ticket = self.rows[task_id]
        ticket["state"] = "closed"
        told = {"id": task_id, "state": "closed", "agent": "A1"}
        return {"event": "ticket.changed", "at": "2026-01-05T12:00:00Z", "ticket": told}

    def answer(self, request: SentRequest) -> Any:
        match request.method, request.path.split("/")[2:]:
            case "GET", ["agents"]:
                return {"agents": [{"id": "A1", "name": "Sample Agent", "email": "agent@example.com"}]}
            case "GET", ["customers"]:
                return {"customers": [row for row in self.rows.values() if _fits(row, request)]}
            case "PUT", [collection, reference] if collection in PREFIX:
                return self._put(collection, reference, request.json)
        return Answer(404, {"error": "no_such_path"})

    def _put(self, collection: str, reference: str, record: Row) -> Row | Answer:
        if collection != "customers" and record["customer"] not in self.rows:
            return Answer(404, {"error": "customer_gone"})
        there = [
            row["id"] for row in self.rows.values() if (row["collection"], row["reference"]) == (collection, reference)
        ]
        id = there[0] if there else f"{PREFIX[collection]}{len(self.rows) + 1}"
        self.rows[id] = {**record, "id": id, "collection": collection, "reference": reference}
        return {"id": id}


def _fits(row: Row, request: SentRequest) -> bool:
    return any(value in row.get(f"{name}s", ()) for name, [value] in request.query.items())
