"""The inbox lane: what came in is parsed, and its facts are folded into what is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Row

from cxsdk.domain.facts import Fact, kind_of
from cxsdk.errors import BadInput, PluginBug, StoreUnavailable
from cxsdk.journeys.acknowledging import acknowledge
from cxsdk.journeys.folding import Arrived, fold_facts
from cxsdk.journeys.reasons import bug_in
from cxsdk.journeys.runtime import Runtime
from cxsdk.observe import logger
from cxsdk.observe.guarding import guarded
from cxsdk.store import LostRace, inbox
from cxsdk.store.tables import DONE
from cxsdk.store.tables import inbox as table
from cxsdk.store.work import Claim, claim, settle, still_ours

#: How many records one worker understands at once.
BATCH = 200
#: How long after one batch the next begins, unless the one was full.
LINGER_S = 0.05
#: One record tells of so many things at most: a generator without an end must not take all memory.
FACTS = 10_000
#: How often a batch starts anew because another worker decided about the same people at the same moment.
RACES = 5


@dataclass(frozen=True)
class Parsed:
    """One record and the facts in it, or why there are none."""

    row: Row[Any]
    facts: tuple[Fact, ...] = ()
    problem: str = ""


def absorb(runtime: Runtime, lane: str) -> bool:
    """Works off one claim of an account's inbound records; tells whether there may be more."""
    with runtime.store.write() as tx:
        rows = claim(runtime.store, tx, table, lane, BATCH, runtime.lease)
    if len(rows) == BATCH:
        runtime.pacing.goes_on(lane)
        runtime.doorbell.ring([lane])
    account = lane.removeprefix("inbox:")
    if rows:
        read = [_parse(runtime, account, row) for row in rows]
        _fold(runtime, account, [parsed for parsed in read if parsed is not None])
    return len(rows) == BATCH


def _parse(runtime: Runtime, account: str, row: Row[Any]) -> Parsed | None:
    """What the plugin makes of a record; None where our own database was away under it: the lease ends, then again."""
    plugin = runtime.inbound(account)
    if plugin is None:
        return Parsed(row, problem=f"There is no account {account!r} any more that understands this record.")
    try:
        with guarded():
            facts = tuple(islice(plugin.parse(inbox.raw_of(row)), FACTS + 1))
        if len(facts) > FACTS:
            raise PluginBug(f"parse gave more than {FACTS} facts for one record.")
        for fact in facts:
            if kind_of(type(fact)) is None:
                raise PluginBug(f"parse returned {type(fact).__name__}, which is not a fact.")
    except BadInput as error:
        return Parsed(row, problem=_told(error))
    except StoreUnavailable as error:
        logger("cxsdk.inbox").warning("store_unavailable", account=account, row=row.id, error=str(error))
        return None
    except Exception as error:  # any other error is the plugin's; the record is kept and can be replayed
        kind = type(error).__name__
        logger("cxsdk.inbox").error("parse_failed", account=account, row=row.id, kind=kind, exc_info=error)
        return Parsed(row, problem=f"The plugin failed on it: {bug_in(error)}")
    return Parsed(row, facts)


def _fold(runtime: Runtime, account: str, batch: Sequence[Parsed]) -> None:
    """Folds a batch in one transaction; where that fails, one by one, so that a poison record stands alone."""
    for _ in range(RACES):
        try:
            return _fold_together(runtime, account, batch)
        except LostRace:
            continue
        except StoreUnavailable:
            raise
        except BadInput as error:
            if len(batch) == 1:
                return _fold_together(runtime, account, [Parsed(batch[0].row, problem=_told(error))])
            break
        except Exception as error:  # a defect of ours or of the plugin's values: found by folding them apart
            if len(batch) == 1:
                logger("cxsdk.inbox").exception("fold_failed", account=account, row=batch[0].row.id)
                problem = f"It could not be folded: {type(error).__name__}: {error}"
                return _fold_together(runtime, account, [Parsed(batch[0].row, problem=problem)])
            logger("cxsdk.inbox").warning(
                "batch_folded_singly", account=account, kind=type(error).__name__, error=str(error)
            )
            break
    if len(batch) > 1:
        for parsed in batch:
            _fold(runtime, account, [parsed])
    return None  # one that lost every race is tried again when its lease ends


def _fold_together(runtime: Runtime, account: str, batch: Sequence[Parsed]) -> None:
    with runtime.store.write() as tx:
        ours = still_ours(runtime.store, tx, table, [Claim(p.row.id, p.row.fence) for p in batch])
        good = [parsed for parsed in batch if parsed.row.id in ours and not parsed.problem]
        arrived = [Arrived(p.row.id, p.row.received_at, fact) for p in good for fact in p.facts]
        owners = fold_facts(runtime, tx, account, arrived)
        settle(tx, table, [{"id": p.row.id, "state": DONE, "customer_id": _owner(owners[p.row.id])} for p in good])
        for parsed in batch:
            if parsed.row.id in ours and parsed.problem:
                inbox.set_aside(runtime.store, tx, parsed.row.id, parsed.problem)
    acknowledge(runtime, account, [(parsed.row, parsed.facts) for parsed in good])


def _told(error: BadInput) -> str:
    return f"{error.code}: {error.field} {error}" if error.field else f"{error.code}: {error}"


def _owner(ids: set[str]) -> str | None:
    """Whose a record is, for erasure: '*' where it speaks of several people."""
    return "*" if len(ids) > 1 else next(iter(ids), None)
