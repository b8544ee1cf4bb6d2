"""Names for things: derived from what they are, so that the same thing gets the same name twice."""

from __future__ import annotations

import hashlib
from base64 import b32encode


def stable_id(*parts: object) -> str:
    """26 lower-case letters and digits (128 bits) that depend on the parts alone.

    An idempotency key made this way survives a lost database: the provider recognises what it already has.
    """
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return b32encode(digest[:16]).decode().rstrip("=").lower()
