"""Settings of a session that would fail each request, found before the first. Their values are never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from cxsdk.domain.secret import Secret
from cxsdk.errors import ConfigurationError


def check_base_url(base_url: str) -> str:
    """Refuses what cannot be a provider's address, without showing it: it may hold a secret."""
    try:
        parts = urlsplit(base_url)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ConfigurationError(
            "The provider's address is not a URL.", path="base_url", cure="Write it whole: https://api.example.com/v1."
        )
    if parts.username is not None:
        raise ConfigurationError("The provider's address holds a password.", path="base_url", cure="Give it by basic=.")
    return base_url


def check_headers(headers: Mapping[str, str | Secret]) -> None:
    """Refuses what cannot be written into a header, without showing it: it would fail each record, one by one."""
    for name, value in headers.items():
        text = value.reveal() if isinstance(value, Secret) else value
        if not re.fullmatch(r"[\x20-\x7e\xa1-\xff]+", text) or text != text.strip():
            raise ConfigurationError(
                "The value cannot stand in an HTTP header.",
                path=f"headers.{name}",
                cure="Look for line breaks, spaces and letters outside of Latin-1 in it.",
            )
