"""The families of webhook signatures. Each raises SignatureError and says only what is missing, never a secret."""

from __future__ import annotations

import base64
import hmac
from datetime import datetime, timedelta
from typing import Literal

from cxsdk.domain.raw import Headers, Request
from cxsdk.domain.secret import Secret
from cxsdk.errors import SignatureError

#: How old or how far ahead a signed timestamp may be (Standard Webhooks and Stripe use the same five minutes).
TOLERANCE = timedelta(minutes=5)

Algorithm = Literal["sha256", "sha1", "sha512"]
Encoding = Literal["hex", "base64"]


def verify_hmac(
    request: Request,
    *,
    header: str,
    key: Secret,
    algorithm: Algorithm = "sha256",
    encoding: Encoding = "hex",
    prefix: str = "",
    timestamp: str | None = None,
    now: datetime | None = None,
) -> None:
    """Checks an HMAC of the raw body in a header, written as hex or base64 after an optional prefix (``sha256=``).

    Where ``timestamp`` names a header with seconds since 1970, what is signed is ``{timestamp}.{body}``, and a time
    more than five minutes from ``now`` is refused: give both.
    """
    given = request.header(header)
    if not given:
        raise SignatureError(f"The header {header} is missing.", code="signature_missing")
    signed = request.body
    if timestamp is not None:
        signed = _fresh(request.header(timestamp), timestamp, now) + b"." + request.body
    given = given.removeprefix(prefix) if given.startswith(prefix) else ""
    if not _same(given.lower() if encoding == "hex" else given, _signature(signed, key, algorithm, encoding)):
        raise SignatureError(f"The signature in {header} does not match the body.")


def sign_hmac(
    request: Request,
    *,
    header: str,
    key: Secret,
    algorithm: Algorithm = "sha256",
    encoding: Encoding = "hex",
    prefix: str = "",
    timestamp: str | None = None,
    now: datetime | None = None,
) -> Request:
    """The request with the proof that ``verify_hmac`` looks for, given the same words: for ``Inbound.samples``."""
    stamps: dict[str, str] = {}
    signed = request.body
    if timestamp is not None:
        if now is None:
            raise TypeError("sign_hmac(timestamp=...) needs now=")
        stamps = {timestamp: str(int(now.timestamp()))}
        signed = stamps[timestamp].encode() + b"." + request.body
    proof = {header: prefix + _signature(signed, key, algorithm, encoding)}
    return request.model_copy(update={"headers": Headers({**request.headers, **stamps, **proof})})


def verify_token(request: Request, *, header: str, token: Secret) -> None:
    """Checks a secret that the provider sends as it is in a header."""
    given = request.header(header)
    if not given:
        raise SignatureError(f"The header {header} is missing.", code="signature_missing")
    if not _same(given, token.reveal()):
        raise SignatureError(f"The token in {header} is not ours.")


def verify_standard_webhook(request: Request, *, secret: Secret, now: datetime, prefix: str = "webhook") -> None:
    """Checks a signature as Standard Webhooks has it, which many providers follow.

    ``secret`` is ``whsec_`` and base64, as the provider shows it. The headers are ``webhook-id``, ``webhook-timestamp``
    and ``webhook-signature``, which may hold several signatures while a secret is changed; ``prefix`` is ``svix`` for
    providers with those names. https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    id, stamp, given = (request.header(f"{prefix}-{name}") for name in ("id", "timestamp", "signature"))
    if not (id and given):
        missing = "signature" if id else "id"
        raise SignatureError(f"The header {prefix}-{missing} is missing.", code="signature_missing")
    _fresh(stamp, f"{prefix}-timestamp", now)
    wanted = _standard_signature(id, stamp, request.body, secret)
    if not any(_same(one, wanted) for one in given.split(" ")):
        raise SignatureError(f"No signature in {prefix}-signature matches the body.")


def sign_standard_webhook(
    request: Request, *, secret: Secret, now: datetime, id: str, prefix: str = "webhook"
) -> Request:
    """The request with the proof that ``verify_standard_webhook`` looks for: for ``Inbound.samples``."""
    stamp = str(int(now.timestamp()))
    proof = {"id": id, "timestamp": stamp, "signature": _standard_signature(id, stamp, request.body, secret)}
    headers = {**request.headers, **{f"{prefix}-{name}": value for name, value in proof.items()}}
    return request.model_copy(update={"headers": Headers(headers)})


def _standard_signature(id: str, stamp: str, body: bytes, secret: Secret) -> str:
    try:
        key = base64.b64decode(secret.reveal().removeprefix("whsec_"), validate=True)
    except ValueError:
        raise SignatureError("Our signing secret is not whsec_ and base64: copy it once more.") from None
    signed = f"{id}.{stamp}.".encode("utf-8", "surrogateescape") + body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"


def _signature(signed: bytes, key: Secret, algorithm: Algorithm, encoding: Encoding) -> str:
    digest = hmac.digest(key.reveal().encode(), signed, algorithm)
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def _fresh(stamp: str, header: str, now: datetime | None) -> bytes:
    if now is None:
        raise TypeError("verify_hmac(timestamp=...) needs now=")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise SignatureError(f"The header {header} holds no time in seconds.", code="timestamp_missing")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise SignatureError(f"The time in {header} is more than five minutes off.", code="timestamp_old")
    return stamp.encode()


def _same(given: str, wanted: str) -> bool:
    # compare_digest refuses str with other than ASCII characters: compare bytes
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())
