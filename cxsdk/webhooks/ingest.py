"""The account under which the ingest API's records stand: what the API stored is understood here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from cxsdk.capabilities import Inbound, Plugin
from cxsdk.domain.facts import Fact
from cxsdk.domain.ids import stable_id
from cxsdk.domain.raw import Raw, body_id
from cxsdk.errors import BadInput
from cxsdk.webhooks.items import ITEMS, Item, OptOutItem, read_item

#: The type of a record that says which items a request with an Idempotency-Key brought, and is no item itself.
REQUEST = "request"


class Api(Plugin, Inbound):
    """Our own account, called ``api``: no webhook and nothing to read, for its records come over the ingest API.

    A record is a JSON object: an item as it was sent, and its ``type``.
    """

    def parse(self, raw: Raw) -> Iterable[Fact]:
        """The facts in one item."""
        payload = raw.payload()
        type = payload.pop("type", None) if isinstance(payload, dict) else None
        if type == REQUEST:
            return ()
        model = ITEMS.get(type) if isinstance(type, str) else None
        if model is None:
            raise BadInput("is not a type of item.", field="body.type", code="type_unknown")
        if raw.received_at is None:
            raise BadInput("The record does not say when it came.", code="time_missing")
        return read_item(model, payload).facts(raw.id, raw.received_at)


def item_body(item: Item, payload: Mapping[str, Any]) -> bytes:
    """An item's record: what was sent, written in one way: another order of its fields makes no other item of it."""
    told = {"type": item.type, **payload}
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def item_key(item: Item, body: bytes, request_key: str | None, place: int, now: datetime) -> str:
    """The key of an item's record and facts.

    It is made of the sender's own id; else of its place in a request that has a key; else of what it says.
    """
    if item.id is not None:
        return f"{item.type}:{item.id}"
    if isinstance(item, OptOutItem) and item.at is None and not request_key:
        # Out, in and out again: the third says what the first said, and must hold all the same
        return f"{item.type}#{stable_id(body_id(body), now.isoformat())}"
    return f"{item.type}#{stable_id(request_key, place) if request_key else body_id(body)}"


def request_record(type: str, request_key: str, bodies: Sequence[bytes]) -> tuple[str, bytes]:
    """The key and body of the record that holds a request's Idempotency-Key to what it brought."""
    digest = body_id(b"\n".join(bodies))
    return f"{REQUEST}:{type}:{stable_id(request_key)}", json.dumps({"type": REQUEST, "items": digest}).encode()
