"""Mails as customers write them, and messages to them."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from cxsdk import Message

SUPPORT = "support@example.com"
CUSTOMER = "customer@example.net"


def mail(text: str = "Hello", *, html: str = "", **headers: str) -> bytes:
    """A customer's mail; ``in_reply_to="<1@x>"`` sets In-Reply-To, an empty value leaves a header out."""
    letter = EmailMessage(policy=SMTP)
    usual = {
        "from": f"Sample Customer <{CUSTOMER}>",
        "to": SUPPORT,
        "subject": "Sample",
        "date": "Mon, 05 Jan 2026 10:00:00 +0200",
        "message_id": "<1@example.net>",
    }
    for name, value in (usual | {name.strip("_"): value for name, value in headers.items()}).items():
        if value:
            letter[name.replace("_", "-").title()] = value
    letter.set_content(text)
    if html:
        letter.add_alternative(html, subtype="html")
    return letter.as_bytes()


def message(key: str = "k1", **fields: Any) -> Message:
    """A message to the sample customer."""
    return Message(**{"key": key, "to": CUSTOMER, "subject": "Your order", "text": "How was it?"} | fields)
