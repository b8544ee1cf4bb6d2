"""What an operator is told of each account: what it can do, whether it works, since when not and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cxsdk.app import CX
from cxsdk.capabilities import Plugin
from cxsdk.cli.abilities import abilities, kind_of
from cxsdk.journeys.health import CALLS
from cxsdk.observe import redact
from cxsdk.policy.health import Trouble
from cxsdk.policy.limits import shares
from cxsdk.store import Store, Transaction, accounts
from cxsdk.store.condition import Ailment, ailments, waiting


@dataclass(frozen=True)
class Known:
    """What the database knows of the accounts."""

    ailments: Sequence[Ailment] = ()
    waiting: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    rows: Mapping[str, Any] = field(default_factory=dict)
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def known_of(cx: CX, store: Store, tx: Transaction) -> Known:
    """Asks the database once for all accounts."""
    now = store.moment(tx)
    rows = {account.name: accounts.health(tx, account.name) for account in cx.accounts()}
    meters = {account.name: accounts.meters(store, tx, account.name) for account in cx.accounts() if account.limits}
    used = {one.name: shares(one.limits, meters[one.name], now) for one in cx.accounts() if one.limits}
    return Known(ailments(tx), waiting(tx), rows, used)


def told_of(account: Plugin, public_url: str, known: Known | None) -> dict[str, Any]:
    """An account as JSON knows it; ``healthy`` is None where the database could not be asked."""
    about = {"name": account.name, "plugin": type(account).__name__, "kind": kind_of(type(account))}
    can = abilities(account, public_url)
    if known is None:
        return {**about, "healthy": None, "can": can}
    troubles = [told_of_ailment(one) for one in known.ailments if one.account == account.name]
    row = known.rows.get(account.name)
    return {
        **about,
        "healthy": not any(one["broken"] for one in troubles),
        "troubles": troubles,
        "rests_until": _iso(row.paused_until) if row and troubles else None,
        "last_worked_at": _iso(row.last_ok_at) if row else None,
        "waiting": dict(known.waiting.get(account.name, {})),
        "limits_used": {name: round(share, 3) for name, share in known.shares.get(account.name, {}).items()},
        "can": can,
    }


def told_of_ailment(one: Ailment) -> dict[str, Any]:
    """What does not work, since when and why; a code and a cure where it counts as broken."""
    cure = Trouble(one.broken).cure if one.broken in set(Trouble) else None
    return {
        "part": one.source or CALLS,
        "broken": one.broken is not None,
        "code": one.broken,
        "since": one.since.isoformat(),
        "why": redact(one.problem),
        "cure": cure,
    }


def _iso(at: Any) -> str | None:
    return at.isoformat() if at is not None else None
