"""Signed, expiring links: a token and the moment it runs out, proven to be ours."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime

from itsdangerous.signer import HMACAlgorithm, Signer

from cxsdk.domain.secret import Secret
from cxsdk.errors import ConfigurationError, SignatureError

#: Shorter keys can be guessed.
KEY_BYTES = 16

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,100}")


class _Short(HMACAlgorithm):
    """144 bits of HMAC-SHA-256: 24 characters without a spare bit, in a link that a person may have to look at."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return super().get_signature(key, value)[:18]


class LinkSigner:
    """Signs what stands in a link: ``token.expiry.signature``, all of it safe in a URL's path."""

    def __init__(self, key: Secret | bytes) -> None:
        secret = key.reveal().encode() if isinstance(key, Secret) else key
        if len(secret) < KEY_BYTES:
            raise ConfigurationError(
                "The key that signs links is too short.",
                cure=f"Give at least {KEY_BYTES} bytes that nobody can guess.",
                code="link_key_short",
            )
        self._key = secret
        self._signer = Signer(
            secret, salt=b"cxsdk.link", algorithm=_Short(hashlib.sha256), digest_method=hashlib.sha256
        )

    def token_for(self, id: str) -> str:
        """A token for a thing of ours: nobody can guess it, and it is the same whenever it is asked for."""
        return base64.urlsafe_b64encode(hmac.digest(self._key, b"cxsdk.token:" + id.encode(), "sha256")[:16]).decode()[
            :22
        ]

    def sign(self, token: str, expires_at: datetime) -> str:
        """The part of a link that brings ``token`` back until ``expires_at``, to the second."""
        if not _TOKEN.fullmatch(token):
            raise ValueError("a token is 1 to 100 letters, digits, - or _")
        return self._signer.sign(f"{token}.{int(expires_at.timestamp()):x}").decode()

    def read(self, signed: str, now: datetime) -> str:
        """The token. Raises SignatureError: ``link_invalid`` where any of it was changed, ``link_expired``."""
        token, expires_at = self._split(signed)
        if now.timestamp() >= expires_at:
            raise SignatureError("This link has run out.", code="link_expired")
        return token

    def token(self, signed: str) -> str:
        """The token of a link that may have run out: it is never too late to opt out."""
        return self._split(signed)[0]

    def _split(self, signed: str) -> tuple[str, int]:
        # compared as a whole with what we would have written: base64 has several spellings of one signature
        payload = signed.rpartition(".")[0]
        wanted = self._signer.sign(payload.encode("utf-8", "surrogatepass"))
        if not hmac.compare_digest(wanted, signed.encode("utf-8", "surrogatepass")):
            raise SignatureError("This link is not one of ours.", code="link_invalid")
        token, _, expires_at = payload.partition(".")
        return token, int(expires_at, 16)
