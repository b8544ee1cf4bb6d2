"""Once records are folded for good, their plugin may tell whoever waits for it: a person who tapped a button."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from cxsdk.capabilities import Inbound
from cxsdk.domain.facts import Fact
from cxsdk.domain.raw import Raw
from cxsdk.domain.survey import Response
from cxsdk.errors import AuthenticationError, CxsdkError, OutcomeUnknown, Transient
from cxsdk.http.deadline import deadline
from cxsdk.journeys.runtime import Runtime
from cxsdk.observe import logger
from cxsdk.observe.crashing import calling
from cxsdk.observe.guarding import guarded
from cxsdk.store import accounts, inbox, invitations

#: A record that is understood, and its facts.
Folded = tuple[Row[Any], Sequence[Fact]]


def acknowledge(runtime: Runtime, account: str, folded: Sequence[Folded]) -> None:
    """Tells the account's plugin of records that were committed, where it wants to know. Never raises.

    Only of those that were understood at their first claim: so each is told of once at most, also when it is folded
    again, and nobody waits for the others any more.
    """
    plugin = runtime.accounts.get(account)
    fresh = [(row, facts) for row, facts in folded if row.fence == 1]
    if not fresh or not isinstance(plugin, Inbound) or not plugin.supports("acknowledge"):
        return
    try:
        records = _records(runtime, account, fresh)
        with deadline(plugin.deadline_s):  # for all of them: a worker has other things to do
            for raw, thanks in records:
                if not _tell(plugin, account, raw, thanks):
                    break
    except Exception as error:  # the records are safe, whatever happens here
        logger("cxsdk.inbox").warning("not_acknowledged", account=account, error=repr(error))


def _records(runtime: Runtime, account: str, folded: Sequence[Folded]) -> list[tuple[Raw, str]]:
    """The records with what is to be said to the customers; none while the account rests."""
    with runtime.store.read() as tx:
        if accounts.is_paused(runtime.store, tx, account):
            return []
        tokens = [_token(facts) for _, facts in folded]
        asked = {token: invitations.by_token(tx, token) for token in set(tokens) if token}
    thanks = {
        token: runtime.policy.say("reply.thanks", invitation.language)
        for token, invitation in asked.items()
        if invitation is not None
    }
    return [(inbox.raw_of(row), thanks.get(token, "")) for (row, _), token in zip(folded, tokens, strict=True)]


def _token(facts: Sequence[Fact]) -> str:
    return next((fact.invitation for fact in facts if isinstance(fact, Response)), "")


def _tell(plugin: Inbound, account: str, raw: Raw, thanks: str) -> bool:
    """Whether the account can be asked for more: an error that speaks of all of it ends this."""
    try:
        with calling(), guarded():
            plugin.acknowledge(raw, thanks)
    except Exception as error:
        bug = None if isinstance(error, CxsdkError) else error
        log = logger("cxsdk.inbox")
        log.warning("not_acknowledged", account=account, record=raw.id, error=repr(error), exc_info=bug)
        return not isinstance(error, Transient | AuthenticationError | OutcomeUnknown)
    return True
