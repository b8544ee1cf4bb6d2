"""A mail server as one needs to know it to connect."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from cxsdk import AuthenticationError, Secret

Security = Literal["tls", "starttls", "plain"]

#: Seconds to wait for any single answer.
TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Server:
    """One side of the mail account: SMTP or IMAP."""

    host: str
    port: int
    security: Security
    user: str
    password: Secret

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def tls(self) -> ssl.SSLContext:
        """Certificates and names are checked; SSL_CERT_FILE adds a company's own authority."""
        return ssl.create_default_context()


def untrusted(server: Server, error: ssl.SSLCertVerificationError) -> AuthenticationError:
    """What to do about a certificate that nobody vouches for."""
    return AuthenticationError(
        f"{server} shows a certificate that is not trusted ({error.verify_message}). Correct it there, use the name "
        "that it is made out to, or name your own authority in SSL_CERT_FILE.",
        code="mail_untrusted",
    )


def is_loopback(host: str) -> bool:
    """Whether the server is this very machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
