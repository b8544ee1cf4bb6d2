"""Hands mails to an SMTP server, and says of each what the server said."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from cxsdk import AuthenticationError, Receipt, Transient
from cxsdk_email.addresses import domain_of
from cxsdk_email.outgoing import Letter
from cxsdk_email.server import TIMEOUT_S, Server, untrusted

#: Of the deadline, at least this share must be left when a mail is begun: a server may take long over the last dot.
_SHARE_FOR_ONE = 1 / 3


class _Unanswered(Exception):
    """The connection was lost after the last dot."""


def submit(server: Server, sender: str, letters: Iterable[Letter], *, deadline_s: float) -> Iterator[Receipt]:
    """A receipt per letter, over one connection, which is cut when the deadline is over.

    A letter whose last dot left and was not answered is unknown. Raises Transient where those without a receipt
    certainly did not go out, AuthenticationError where the server does not let us in.
    """
    end = time.monotonic() + deadline_s
    with _connection(server, sender, deadline_s) as smtp:
        receipt = None
        for letter in letters:
            if receipt and receipt.outcome == "unknown":
                raise Transient(f"{server} closed the connection before the rest of the mails.", code="mail_cut_off")
            if end - time.monotonic() < deadline_s * _SHARE_FOR_ONE:
                # Where it works, only slowly, the rest goes on at once.
                raise Transient(f"{server} is slow.", retry_after=0.0 if receipt else None, code="mail_slow")
            receipt = _hand_in(smtp, server, sender, letter)
            yield receipt


def _hand_in(smtp: smtplib.SMTP, server: Server, sender: str, letter: Letter) -> Receipt:
    if letter.refusal:
        return Receipt.rejected(letter.refusal)
    try:
        refusal = _envelope(smtp, sender, letter) or _content(smtp, letter)
    except _Unanswered:
        return Receipt.unknown(f"{server} did not say whether it took the mail.")
    if refusal is None:
        return Receipt.accepted(letter.id)
    with suppress(OSError):
        smtp.rset()
    return refusal


def _envelope(smtp: smtplib.SMTP, sender: str, letter: Letter) -> Receipt | None:
    """Why the server does not want this mail, or None where it does."""
    code, text = smtp.mail(sender)
    if 500 <= code <= 599 and code != 552:  # 552: this mail is too large; all else is about us
        raise AuthenticationError(f"The mail server does not let us send as {sender}: {_said(code, text)}", status=code)
    if 400 <= code <= 499:
        raise Transient(f"The mail server says: {_said(code, text)}", status=code, code="mail_deferred")
    return _refusal(code, text) or _refusal(*smtp.rcpt(letter.recipient)) or _refusal(*smtp.docmd("DATA"), expected=354)


def _content(smtp: smtplib.SMTP, letter: Letter) -> Receipt | None:
    # Until the last dot has left, nothing has happened: it is at the end of what is sent in one piece.
    smtp.send(re.sub(rb"(?m)^\.", b"..", letter.data.removesuffix(b"\r\n")) + b"\r\n.\r\n")
    try:
        code, text = smtp.getreply()
    except OSError:
        raise _Unanswered from None
    return _refusal(code, text)


def _refusal(code: int, text: bytes, *, expected: int = 250) -> Receipt | None:
    if code == expected or (expected == 250 and 200 <= code <= 299):
        return None
    if 500 <= code <= 599:
        return Receipt.rejected(_said(code, text))
    if code == 421:  # the server closes: it speaks of the connection, not of this mail
        raise Transient(f"The mail server says: {_said(code, text)}", status=code, code="mail_deferred")
    return Receipt.deferred(_said(code, text))


def _said(code: int, text: bytes) -> str:
    return f"{code} {' '.join(text.decode('utf-8', 'replace').split())}"[:500]


@contextmanager
def _connection(server: Server, sender: str, deadline_s: float) -> Iterator[smtplib.SMTP]:
    try:
        smtp = _connect(server, sender, deadline_s)
    except ssl.SSLCertVerificationError as error:
        raise untrusted(server, error) from None
    except smtplib.SMTPNotSupportedError:
        raise AuthenticationError(f"{server} offers no encryption. Set the security and port that it has.") from None
    except OSError as error:
        raise _unreachable(server, error) from None
    watchdog = threading.Timer(deadline_s, _cut, [smtp])
    watchdog.daemon = True
    watchdog.start()
    try:
        _log_in(smtp, server)
        yield smtp
        with suppress(OSError):
            smtp.quit()
    except OSError as error:
        raise _unreachable(server, error) from None
    finally:
        watchdog.cancel()
        smtp.close()


def _connect(server: Server, sender: str, deadline_s: float) -> smtplib.SMTP:
    timeout = min(TIMEOUT_S, deadline_s)
    our_name = domain_of(sender)  # else smtplib asks DNS for this machine's name
    if server.security == "tls":
        return smtplib.SMTP_SSL(
            server.host, server.port, local_hostname=our_name, timeout=timeout, context=server.tls()
        )
    smtp = smtplib.SMTP(server.host, server.port, local_hostname=our_name, timeout=timeout)
    try:
        if server.security == "starttls":
            smtp.starttls(context=server.tls())
    except BaseException:
        smtp.close()
        raise
    return smtp


def _log_in(smtp: smtplib.SMTP, server: Server) -> None:
    smtp.ehlo_or_helo_if_needed()
    if not smtp.has_extn("auth"):
        return
    try:
        smtp.login(server.user, server.password.reveal())
    except smtplib.SMTPAuthenticationError as error:
        if 400 <= error.smtp_code <= 499:
            raise Transient(f"{server} cannot check our password now.", status=error.smtp_code) from None
        raise AuthenticationError(
            f"{server} refuses user {server.user}. Correct user and password.", status=error.smtp_code
        ) from None
    except smtplib.SMTPNotSupportedError:
        raise AuthenticationError(f"{server} offers no way to log in that cxsdk knows (PLAIN, LOGIN).") from None


def _cut(smtp: smtplib.SMTP) -> None:
    """Ends every wait on this connection; bytes that trickle in would outlive any timeout of the socket."""
    if isinstance(smtp.sock, socket.socket):
        with suppress(OSError):
            socket.socket.shutdown(smtp.sock, socket.SHUT_RDWR)


def _unreachable(server: Server, error: OSError) -> Transient:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
        return Transient(f"{server} says: {_said(error.smtp_code, text)}", status=error.smtp_code)
    return Transient(f"{server} does not answer ({type(error).__name__}).", code="mail_unreachable")
