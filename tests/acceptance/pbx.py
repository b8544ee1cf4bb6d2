"""A phone system for tests: how it signs what it posts."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

#: The secret that it shares with us.
SECRET = "hush"


def signed(body: bytes, at: datetime) -> dict[str, str]:
    """The headers with which it posts a body at this moment."""
    stamp = str(int(at.timestamp()))
    signature = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Telephony-Timestamp": stamp, "X-Telephony-Signature": signature}
