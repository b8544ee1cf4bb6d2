"""A request to the ingest API: its items read, each under the key that makes it the same item when it comes again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cxsdk.domain.ids import stable_id
from cxsdk.domain.raw import Raw, read_json
from cxsdk.errors import BadInput
from cxsdk.store.inbox import Arrival
from cxsdk.webhooks.ingest import item_body, item_key, request_record
from cxsdk.webhooks.items import Item, MessageItem, read_item

#: The most items in one request.
ITEMS_LIMIT = 500
#: The longest Idempotency-Key, in characters.
KEY_LIMIT = 255


@dataclass(frozen=True)
class Brought:
    """What a request brought: its items' ids, and the records to store, all or none of them.

    ``fields`` names the field that each record's key comes from.
    """

    ids: Sequence[str]
    arrivals: Sequence[Arrival]
    fields: Sequence[str]


@dataclass(frozen=True)
class Reader:
    """Reads the bodies of one route. ``senders`` are the channels that can send."""

    account: str
    model: type[Item]
    senders: Sequence[str] = ()

    def read(self, body: bytes, request_key: str | None, now: datetime) -> Brought:
        """Raises BadInput with the path of the first field that is wrong; then nothing of the request counts."""
        payloads, roots = _payloads(body)
        items = [self._item(payload, root) for payload, root in zip(payloads, roots, strict=True)]
        bodies = [item_body(item, payload) for item, payload in zip(items, payloads, strict=True)]
        named = enumerate(zip(items, bodies, strict=True))
        keys = [item_key(item, body, request_key, n, now) for n, (item, body) in named]
        ids = [stable_id(item.type, self.account, item.about(key)) for item, key in zip(items, keys, strict=True)]
        records = list(zip(keys, bodies, strict=True))
        fields = [f"{root}.id" for root in roots]
        if request_key:
            records.insert(0, request_record(self.model.type, request_key, bodies))
            fields.insert(0, "header.Idempotency-Key")
        return Brought(ids, [self._arrival(key, body, now) for key, body in records], fields)

    def _item(self, payload: Any, root: str) -> Item:
        item = read_item(self.model, payload, root)
        if isinstance(item, MessageItem) and item.channel is not None and item.channel not in self.senders:
            names = ", ".join(self.senders) or "none is configured"
            raise BadInput(f"is not a channel that can send: {names}.", field=f"{root}.channel", code="channel_unknown")
        return item

    def _arrival(self, key: str, body: bytes, now: datetime) -> Arrival:
        return Arrival(self.account, Raw(id=key, body=body, source="api", received_at=now))


def _payloads(body: bytes) -> tuple[list[Any], list[str]]:
    """The items of a body, and the path of each."""
    payload = _json(body)
    if not isinstance(payload, list):
        return [payload], ["body"]
    if not 1 <= len(payload) <= ITEMS_LIMIT:
        raise BadInput(f"Send 1 to {ITEMS_LIMIT} items at once.", field="body", code="items_count")
    return payload, [f"body.{n}" for n in range(len(payload))]


def _json(body: bytes) -> Any:
    try:
        body.decode()  # the reader of JSON would guess at other encodings
        return read_json(body)
    except (UnicodeDecodeError, BadInput, RecursionError):
        raise BadInput("is not valid JSON in UTF-8.", field="body", code="json_invalid") from None


def read_request_key(given: str | None) -> str | None:
    """The Idempotency-Key, with or without the quotes that its draft wants around it."""
    if given is None:
        return None
    key = given.strip()
    key = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
    if not 1 <= len(key) <= KEY_LIMIT:
        raise BadInput(
            f"An Idempotency-Key has 1 to {KEY_LIMIT} characters.",
            field="header.Idempotency-Key",
            code="idempotency_key_invalid",
        )
    return key
