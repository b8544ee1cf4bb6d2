"""Raw records as files for the tests of a plugin: without secrets, and with samples in place of customers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import select

from cxsdk.capabilities import Inbound
from cxsdk.cli.pseudonyms import Pseudonyms, meaning
from cxsdk.domain.facts import Fact
from cxsdk.domain.raw import Raw, body_id
from cxsdk.observe.guarding import guarded
from cxsdk.store import Store
from cxsdk.store.inbox import raw_of
from cxsdk.store.tables import inbox


def record_files(store: Store, plugin: Inbound, into: Path, limit: int) -> tuple[list[Path], Mapping[str, int]]:
    """Writes the latest records of an account; returns the files, and how many were left out for which reason.

    A file's name is the day on which it came, and its own hash: the same record is one file, however often it is made.
    """
    written: list[Path] = []
    left: Counter[str] = Counter()
    for raw in _latest(store, getattr(plugin, "name", ""), limit):
        body = _redacted(plugin, raw)
        if isinstance(body, str):
            left[body] += 1
            continue
        into.mkdir(parents=True, exist_ok=True)
        written.append(into / _file_name(raw, body))
        written[-1].write_bytes(body)
    return written, left


def _latest(store: Store, account: str, limit: int) -> list[Raw]:
    rows = select(inbox).where(inbox.c.account == account).order_by(inbox.c.received_at.desc()).limit(limit)
    with store.read() as tx:
        return [raw_of(row) for row in tx.execute(rows)]


def _redacted(plugin: Inbound, raw: Raw) -> bytes | str:
    """The body as it may be given away, or why it is not."""
    facts = _facts(plugin, raw)
    body = Pseudonyms(plugin, facts).replaced(raw.body)
    if body is None:
        return "neither JSON nor a form"
    again = _facts(plugin, raw.model_copy(update={"body": body}))
    return (
        body
        if [*map(meaning, again)] == [*map(meaning, facts)]
        else "with samples in place of customers, it would mean something else"
    )


def _facts(plugin: Inbound, raw: Raw) -> list[Fact]:
    """What the plugin makes of it; nothing where it cannot yet be understood: such records are wanted most."""
    try:
        with guarded():
            return list(plugin.parse(raw))
    except Exception:
        return []


def _file_name(raw: Raw, body: bytes) -> str:
    day = f"{raw.received_at:%Y-%m-%d}" if raw.received_at else "undated"
    return f"{day}-{body_id(body)[:8]}.{'json' if _is_json(body) else 'form'}"


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
