"""Connects to an IMAP server, and says what its errors mean."""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from imap_tools import BaseMailBox, ImapToolsError, MailBox, MailboxLoginError, MailBoxStartTls, MailBoxUnencrypted

from cxsdk import AuthenticationError, Transient
from cxsdk_email.server import TIMEOUT_S, Server, untrusted


@contextmanager
def connected(server: Server) -> Iterator[BaseMailBox]:
    """The mailbox, logged in. Raises AuthenticationError, and Transient for all that fails while it is used."""
    try:
        box = _connect(server)
        try:
            _log_in(box, server)
            yield box
        finally:
            _leave(box)
    except ssl.SSLCertVerificationError as error:
        raise untrusted(server, error) from None
    except (ImapToolsError, imaplib.IMAP4.error, OSError) as error:
        raise Transient(f"{server} failed ({type(error).__name__}: {error}).", code="mail_unreachable") from None


def _connect(server: Server) -> BaseMailBox:
    if server.security == "tls":
        return MailBox(server.host, server.port, timeout=TIMEOUT_S, ssl_context=server.tls())
    if server.security == "starttls":
        return MailBoxStartTls(server.host, server.port, timeout=TIMEOUT_S, ssl_context=server.tls())
    return MailBoxUnencrypted(server.host, server.port, timeout=TIMEOUT_S)


def _log_in(box: BaseMailBox, server: Server) -> None:
    password = server.password.reveal()
    log_in = box.login if (server.user + password).isascii() else box.login_utf8
    try:
        log_in(server.user, password, initial_folder=None)
    except imaplib.IMAP4.abort:
        raise
    except (MailboxLoginError, imaplib.IMAP4.error) as error:
        raise _not_let_in(server, str(error)) from None


def _leave(box: BaseMailBox) -> None:
    """Says goodbye where there is still somebody to hear it."""
    with suppress(Exception):
        box.client.sock.settimeout(2)
        box.client.logout()
    with suppress(Exception):
        box.client.shutdown()


#: What servers say at login that is no verdict about the password (RFC 5530, and what large ones say).
_BUSY = re.compile(r"UNAVAILABLE|INUSE|LIMIT|too many|try again|temporar", re.IGNORECASE)


def _not_let_in(server: Server, said: str) -> Exception:
    if _BUSY.search(said):
        return Transient(f"{server} does not let us in now: {said[:200]}", code="mail_busy")
    return AuthenticationError(f"{server} refuses user {server.user}. Correct user and password.")
