"""Something to try on this machine: a phone system, a channel that prints what it would send, a small CRM of our own.

``cxsdk run examples/try.py`` needs no server, no account and no secret; the README goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cxsdk import CX, Budgets, Channel, Message, PostPurchase, Receipt, Secret
from cxsdk_hostedsurvey import HostedSurvey
from cxsdk_localcrm import LocalCRM
from cxsdk_telephony import Telephony


class Printer(Channel):
    """Stands where an SMS provider would: prints what would reach a phone."""

    reaches = "phone"

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        """Prints each message; its key serves as the provider's id."""
        for message in messages:
            print(f"\nto {message.to}: {message.text}\n", flush=True)
            yield Receipt.accepted(message.key)


cx = CX(
    public_url="http://127.0.0.1:8000",
    company="Sample Shop",
    crm=LocalCRM(),
    channels=[Telephony(secret=Secret("sample-signing-key"), region="US"), Printer()],
    survey_providers=[HostedSurvey()],
    surveys=[PostPurchase(after="5s")],
    budgets=Budgets(quiet=None),  # at night too: it is you who is asked
)
