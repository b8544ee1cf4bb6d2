"""Updates as Telegram posts them, to try an installation with.

https://core.telegram.org/bots/api#update
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from cxsdk import Request, Secret

_USER = {"id": 100001, "is_bot": False, "first_name": "Sample", "last_name": "Customer", "language_code": "en"}
_CHAT = {"id": 100001, "type": "private", "first_name": "Sample"}


def sample_updates(url: str, secret: Secret, now: datetime) -> Mapping[str, Request]:
    """A message, and a shared phone number, of the sample customer."""
    number = int(now.timestamp() * 1000)
    message = {"message_id": number % 1_000_000, "from": _USER, "chat": _CHAT, "date": int(now.timestamp())}
    card = {"phone_number": "12125550123", "user_id": 100001, "first_name": "Sample"}
    said: dict[str, dict[str, object]] = {
        "message": {"text": "Hello, is my parcel on its way?"},
        "contact": {"contact": card},
    }
    headers = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": secret.reveal()}
    updates = {
        name: {"update_id": number + place, "message": {**message, **content}}
        for place, (name, content) in enumerate(said.items())
    }
    return {name: Request(url=url, headers=headers, body=json.dumps(each).encode()) for name, each in updates.items()}
