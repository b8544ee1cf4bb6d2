"""Accounts that break and heal: noted with the very answers that show it, and told to plugins once for each breakage.

``cxsdk.policy.health`` says when. A part of an account is its calls, or one of its sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cxsdk.domain.outward import Outcome, Receipt
from cxsdk.errors import AuthenticationError, OutcomeUnknown, PersonGone, RateLimited, Rejected, Transient
from cxsdk.journeys.runtime import Runtime
from cxsdk.journeys.told import tell
from cxsdk.observe import logger, redact
from cxsdk.policy.health import Trouble, is_broken
from cxsdk.store import Transaction, accounts
from cxsdk.store.accounts import Mended, Paused

#: The part of an account that is its calls; the others are named like its sources.
CALLS = "calls"

Answer = Receipt | Exception


def trouble_in(error: Exception) -> Trouble:
    """What sort of trouble an error means that speaks of the whole account."""
    if isinstance(error, AuthenticationError):
        return Trouble.CREDENTIALS
    if isinstance(error, RateLimited):
        return Trouble.LIMIT
    is_outage = isinstance(error, Transient | OutcomeUnknown | OSError)
    return Trouble.OUTAGE if is_outage else Trouble.PLUGIN


def answered(runtime: Runtime, tx: Transaction, account: str, answers: Sequence[Answer]) -> None:
    """What the answers about single records say of their account: it works, or it refuses one after the other.

    What a channel refuses speaks of its recipient, however many there are: a list of dead addresses holds nobody up.
    """
    refusals = sum(map(_is_refusal, answers))
    is_crm = account == runtime.crm.name
    if any(map(_is_sound, answers)) or (refusals and not is_crm):
        mended = accounts.worked(runtime.store, tx, account)
        if mended is not None:
            recovered(runtime, tx, account, CALLS, mended)
    elif refusals:
        _refused(runtime, tx, account, refusals)


def _is_sound(answer: Answer) -> bool:
    """Whether the account has shown that it works."""
    if isinstance(answer, Receipt):
        return answer.outcome not in (Outcome.REJECTED, Outcome.UNKNOWN)
    return isinstance(answer, PersonGone)


def _is_refusal(answer: Answer) -> bool:
    if isinstance(answer, Receipt):
        return answer.outcome is Outcome.REJECTED
    return isinstance(answer, Rejected) and not isinstance(answer, PersonGone)


def _refused(runtime: Runtime, tx: Transaction, account: str, records: int) -> None:
    refusals = accounts.refused(runtime.store, tx, account, records)
    now = runtime.store.moment(tx)
    if is_broken(Trouble.REFUSALS, now, now, refusals):
        why = f"{refusals} records in a row were refused."
        rests(runtime, tx, account, Trouble.REFUSALS, accounts.pause(runtime.store, tx, account, why), why, refusals)


def rests(
    runtime: Runtime, tx: Transaction, account: str, trouble: Trouble, paused: Paused, why: str, refusals: int = 0
) -> None:
    """An account rests: where that has lasted, or lasts, too long, it counts as broken."""
    if account in runtime.accounts and is_broken(trouble, paused.since, paused.until, refusals):
        if paused.broken != trouble:
            accounts.breaks(tx, account, trouble)
        if paused.broken is None:
            broke(runtime, tx, account, CALLS, trouble, why, paused.since)


def broke(
    runtime: Runtime, tx: Transaction, account: str, part: str, trouble: Trouble, why: str, since: datetime
) -> None:
    """Owes it to plugins to be told that a part of an account broke."""
    about = {"account": account, "part": part, "code": trouble.value, "why": redact(why), "cure": trouble.cure}
    logger("cxsdk.health").error("account_broken", **about)
    at = since.isoformat()
    tell(runtime, tx, "on_account_broken", f"{account} {part} {at}", {**about, "since": at})


def recovered(runtime: Runtime, tx: Transaction, account: str, part: str, mended: Mended) -> None:
    """Owes it to plugins to be told that a part of an account works again."""
    since = mended.since.isoformat()
    logger("cxsdk.health").info("account_recovered", account=account, part=part, code=mended.broken, since=since)
    about = {"account": account, "part": part, "code": mended.broken, "since": since}
    tell(runtime, tx, "on_account_recovered", f"{account} {part} {since}", about)
