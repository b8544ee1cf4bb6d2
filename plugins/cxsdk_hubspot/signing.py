"""The signatures of HubSpot's webhooks, in all three versions.

https://developers.hubspot.com/docs/api/webhooks/validating-requests
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime, timedelta

from cxsdk import Request, Secret, SignatureError

#: How far a signed time may be off; HubSpot names five minutes.
TOLERANCE = timedelta(minutes=5)
#: What HubSpot signs as it is, although the address that is called has it encoded: : / ? @ ! $ ' ( ) * , ;
_DECODED = re.compile(r"%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
_CURRENT, _TIME, _OLD, _VERSION = (
    "X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp", "X-HubSpot-Signature", "X-HubSpot-Signature-Version",
)  # fmt: skip


def check_signature(request: Request, key: Secret, now: datetime, *, old: bool) -> None:
    """Raises SignatureError unless HubSpot signed this request with the app's client secret.

    ``old`` takes versions 1 and 2, too, where there is no version 3: they hold no time, so that who has overheard a
    request can send it again.
    """
    if given := request.header(_CURRENT):
        wanted = _current(request, key, now)
    elif old and (given := request.header(_OLD)):
        wanted = _old(request, key)
    else:
        raise SignatureError(f"The header {_CURRENT} is missing.", code="signature_missing")
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode()):
        raise SignatureError(
            "The signature is not HubSpot's. Compare client_secret, and the URL there with public_url."
        )


def sign(request: Request, key: Secret, now: datetime) -> Request:
    """The request as HubSpot sends it at this moment, with a signature of version 3."""
    stamp = str(round(now.timestamp() * 1000))
    headers = {**request.headers, _TIME: stamp, _CURRENT: _proof(request, key, stamp)}
    return Request(url=request.url, headers=headers, body=request.body)


def _current(request: Request, key: Secret, now: datetime) -> str:
    stamp = request.header(_TIME)
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 15):
        raise SignatureError(f"The header {_TIME} holds no time in milliseconds.", code="timestamp_missing")
    if abs(now.timestamp() - int(stamp) / 1000) > TOLERANCE.total_seconds():
        raise SignatureError(f"The time in {_TIME} is more than five minutes off.", code="timestamp_old")
    return _proof(request, key, stamp)


def _proof(request: Request, key: Secret, stamp: str) -> str:
    uri = _DECODED.sub(lambda found: chr(int(found[0][1:], 16)), request.url)
    signed = f"{request.method}{uri}".encode() + request.body + stamp.encode()
    return base64.b64encode(hmac.digest(key.reveal().encode(), signed, "sha256")).decode()


def _old(request: Request, key: Secret) -> str:
    covered = f"{request.method}{request.url}" if request.header(_VERSION).lower() == "v2" else ""
    return hashlib.sha256(f"{key.reveal()}{covered}".encode() + request.body).hexdigest()
