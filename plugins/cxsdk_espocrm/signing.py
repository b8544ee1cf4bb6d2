"""EspoCRM's two HMACs: the one that signs our requests, and the one that signs its webhooks.

https://docs.espocrm.com/development/api/#hmac-authentication
https://docs.espocrm.com/administration/webhooks/#signature-checking
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from cxsdk import Request, Secret

#: For each event the id of its webhook and the secret key that EspoCRM made for it.
Webhooks = Mapping[str, tuple[str, Secret]]


def sign_request(api_key: Secret, secret_key: Secret, method: str, path: str) -> str:
    """The value of ``X-Hmac-Authorization``. The path begins behind ``/api/v1`` and has no query."""
    digest = _digest(secret_key, f"{method} /{path}".encode())
    return base64.b64encode(f"{api_key.reveal()}:{digest.hex()}".encode()).decode()


def signed_event(request: Request, webhooks: Webhooks) -> str | None:
    """The event whose webhook signed the request, or None: the body itself does not tell it.

    Before 9.0 there is only ``X-Signature``, which holds the digest's bytes and not its letters.
    """
    current, legacy = request.header("Signature"), request.header("X-Signature")
    given = (current or legacy).encode("utf-8", "surrogateescape")
    for event, (id, key) in webhooks.items():
        digest = _digest(key, request.body)
        wanted = f"{id}:".encode() + (digest.hex().encode() if current else digest)
        if hmac.compare_digest(given, base64.b64encode(wanted)):
            return event
    return None


def sign_webhook(request: Request, id: str, key: Secret) -> Request:
    """The request as EspoCRM sends it, with the signature of today."""
    proof = base64.b64encode(f"{id}:{_digest(key, request.body).hex()}".encode()).decode()
    return Request(url=request.url, headers={**request.headers, "Signature": proof}, body=request.body)


def _digest(key: Secret, signed: bytes) -> bytes:
    return hmac.digest(key.reveal().encode(), signed, "sha256")
