"""The whole broadcast surface. Three verbs: ``register_``, ``on_<thing>_<past participle>``, ``choose_``/``filter_``.

An ``on_`` hook is owed as a row in the transaction in which the thing happened: it comes at least once, in no promised
order, and an error in one plugin hurts no other. Ids are cxsdk's own, as ``cxsdk explain`` shows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from cxsdk.capabilities import CRM, Channel, SurveyProvider
    from cxsdk.domain.outward import Message

hookspec = pluggy.HookspecMarker("cxsdk")


@hookspec
def register_channels() -> Sequence[type[Channel]]:  # type: ignore[empty-body]
    """The channel classes of this plugin. No I/O and no credentials here."""


@hookspec
def register_crms() -> Sequence[type[CRM]]:  # type: ignore[empty-body]
    """The CRM classes of this plugin."""


@hookspec
def register_survey_providers() -> Sequence[type[SurveyProvider]]:  # type: ignore[empty-body]
    """The survey provider classes of this plugin."""


@hookspec
def register_commands() -> Sequence[Any]:  # type: ignore[empty-body]
    """click commands that appear under ``cxsdk``."""


@hookspec
def on_interaction_logged(interaction_id: str, customer_id: str, entry_id: str) -> None:
    """A contact reached the CRM's timeline; ``entry_id`` is the CRM's id of the entry."""


@hookspec
def on_response_received(invitation_id: str, customer_id: str, survey: str, score: int | None) -> None:
    """A customer answered a survey, or added to an answer."""


@hookspec
def on_case_opened(case_id: str, customer_id: str, reason: str) -> None:
    """An unhappy answer or a request for contact opened a case."""


@hookspec
def on_case_closed(case_id: str, customer_id: str, outcome: str) -> None:
    """A case was closed: ``confirmed`` by the customer, or ``unconfirmed`` when no answer came."""


@hookspec
def on_promise_broken(promise_id: str, customer_id: str, kind: str) -> None:
    """A deadline that the company owed a customer passed without the promise being kept."""


@hookspec
def on_account_broken(account: str, part: str, code: str, why: str, cure: str, since: str) -> None:
    """An account does not work any more; told once for each breakage, however many calls fail.

    ``part`` is ``calls``, or the name of the source that cannot be read: each breaks and heals by itself. It breaks at
    once where credentials are refused, after five minutes of an outage or limit, and with the twentieth record that the
    CRM refuses in a row. ``code`` is stable (see [doctor](doctor.md)), ``why`` are the latest error's words, ``cure``
    says what to do, and ``since`` is when it began, in ISO 8601 and UTC. What was owed stays owed.
    """


@hookspec
def on_account_recovered(account: str, part: str, code: str, since: str) -> None:
    """What was broken works again, with its first success; ``code`` and ``since`` are those of the breakage.

    ``code`` is the latest: credentials may have been refused after an outage.
    """


@hookspec(firstresult=True)
def choose_channel(customer_id: str, channels: Sequence[str]) -> str | None:
    """The account over which to write to this customer, out of those that can reach them, best first.

    None leaves the choice to others; without any choice the first one is taken.
    """


@hookspec(firstresult=True)
def filter_message(message: Message) -> Message | None:
    """The message to send instead of this one, or None to leave it as it is."""
