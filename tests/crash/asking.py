"""Requests of threads: whoever looks for proxies in the environment may find pytest writing to it."""

from __future__ import annotations

from typing import Any

import requests

#: How long an answer may take, in seconds.
_TIMEOUT_S = 10.0


def ask(method: str, url: str, **body: Any) -> requests.Response:
    """Sends a request to where it says, and follows no redirect."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=_TIMEOUT_S, allow_redirects=False, **body)
