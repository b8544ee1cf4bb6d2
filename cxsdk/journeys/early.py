"""Facts that came before what they speak of: kept until it is there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete

from cxsdk.domain.facts import Delivery, TaskChange
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction
from cxsdk.store.among import among
from cxsdk.store.prepared import Prepared
from cxsdk.store.rows import insert_new
from cxsdk.store.tables import early_facts


def keep(runtime: Runtime, tx: Transaction, account: str, kind: str, ref: str, fact: Delivery | TaskChange) -> None:
    """Keeps a fact for the thing that the account knows under ``ref``."""
    row = {
        "account": account, "kind": kind, "ref": ref, "key": fact.key,
        "fact": fact.model_dump(mode="json"), "at": runtime.clock.now(),
    }  # fmt: skip
    insert_new(tx, early_facts, [row])


def take(tx: Transaction, account: str, kind: str, refs: Iterable[str]) -> list[dict[str, Any]]:
    """The facts that waited for these things, which do not wait any more."""
    return list(tx.scalars(_TAKE, {"account": account, "kind": kind, "refs": list(refs)}))


_TAKE = Prepared(
    delete(early_facts)
    .where(
        early_facts.c.account == bindparam("account"),
        early_facts.c.kind == bindparam("kind"),
        among(early_facts.c.ref, "refs"),
    )
    .returning(early_facts.c.fact)
)


def purge(tx: Transaction, before: datetime) -> int:
    """Forgets facts that have waited since before this moment: most spoke of things that are not ours."""
    return tx.execute(delete(early_facts).where(early_facts.c.at < before)).rowcount
