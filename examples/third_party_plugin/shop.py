"""A phone system and a ticket system; ``cxsdk dev shop.py`` runs it without either."""

from __future__ import annotations

from cxsdk import CX, Secret
from cxsdk_telephony import Telephony

from plain_tickets import PlainTickets

cx = CX(
    crm=PlainTickets(
        workspace="sample",
        token=Secret("sample-api-token"),
        webhook_secret=Secret("sample-webhook-secret"),
    ),
    channels=[Telephony(name="pbx", secret=Secret("sample-signing-key"), region="US")],
)
