"""Secrets at rest: encrypted and signed with the installation's keys (Fernet: AES-128-CBC with HMAC-SHA256).

The first key encrypts, all of them decrypt: a new key is put first, everything is sealed again, the old key goes.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from pydantic_core import from_json, to_json

from cxsdk.domain.secret import Secret
from cxsdk.errors import AuthenticationError, ConfigurationError


def new_key() -> str:
    """A new key: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def is_key(text: str) -> bool:
    """Whether this is such a key."""
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) == 32
    except (binascii.Error, ValueError):
        return False


class Sealer:
    """Seals values for an owner, whose name is sealed in: a row cannot be passed off as another's."""

    def __init__(self, keys: Sequence[Secret]) -> None:
        self._keys = tuple(keys)
        self._box: Any = None

    def check(self, why: str) -> None:
        """Raises ConfigurationError where there is no key, or not the library that uses it."""
        if find_spec("cryptography") is None:
            raise ConfigurationError(
                f"{why}, and the library that encrypts what is granted is missing.",
                path="CX.secrets_keys",
                cure="Run: pip install 'cxsdk[oauth]'",
                code="extra_missing",
            )
        if not self._keys:
            raise ConfigurationError(
                f"{why}, and there is no key to encrypt what is granted.",
                path="CX.secrets_keys",
                cure='Make one with: cxsdk key create; then give secrets_keys=[Secret.env("CX_SECRETS_KEY")].',
                code="secrets_key_missing",
            )

    def seal(self, owner: str, value: Mapping[str, Any]) -> str:
        """The value, as only somebody with the key can read it."""
        sealed: bytes = self._fernet().encrypt(to_json({"owner": owner, "value": value}))
        return sealed.decode()

    def unseal(self, owner: str, sealed: str) -> dict[str, Any]:
        """The value. Raises AuthenticationError where none of the keys fits."""
        from cryptography.fernet import InvalidToken

        try:
            found = from_json(self._fernet().decrypt(sealed))
        except InvalidToken:
            found = {}
        if found.get("owner") != owner:
            raise AuthenticationError(
                f"What {owner} was granted is encrypted with another key. Give that key in CX(secrets_keys=[…]) too, "
                f"or run: cxsdk connect {owner} APP",
                code="secrets_key_wrong",
            )
        value: dict[str, Any] = found["value"]
        return value

    def seal_again(self, owner: str, sealed: str) -> str:
        """The same value, sealed with the first key. Raises AuthenticationError where none of the keys fits."""
        return self.seal(owner, self.unseal(owner, sealed))

    def _fernet(self) -> Any:
        if self._box is None:
            self.check("An account is connected by OAuth")
            from cryptography.fernet import Fernet, MultiFernet  # takes its time to load

            self._box = MultiFernet([Fernet(key.reveal()) for key in self._keys])
        return self._box
