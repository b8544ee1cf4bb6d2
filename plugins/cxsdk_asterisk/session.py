"""One session with Asterisk's manager: connected, logged in, heard, left. Each wait has an end."""

from __future__ import annotations

import hashlib
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass

from cxsdk import AuthenticationError, Secret, Transient
from cxsdk_asterisk.messages import Framing, Message, read_message, write_message

#: Seconds within which Asterisk must let us in, and answer whatever is asked.
ANSWER_S = 10.0
#: Seconds of silence after which we ask whether anybody is there.
SILENCE_S = 15.0
#: Seconds for which Asterisk's last words are waited for.
_LAST_WORDS_S = 2.0
#: Events of these classes, as far as manager.conf lets the user read them.
_EVENTS = "call,agent,cdr,dialplan"


@dataclass(frozen=True)
class Server:
    """A manager, and the user who logs in."""

    host: str
    port: int
    tls: bool
    username: str
    secret: Secret
    challenge: bool

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Session:
    """A connection on which messages come. What breaks it is a Transient."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._framing = Framing()
        self._early: list[bytes] = []
        self._heard = time.monotonic()
        self._asked = False
        try:
            self._sock = _connected(server)
        except ssl.SSLCertVerificationError as error:
            raise AuthenticationError(
                f"{server} shows a certificate that is not trusted ({error.verify_message}). Correct it there, use the "
                "name that it is made out to, or name your own authority in SSL_CERT_FILE.",
                code="asterisk_untrusted",
            ) from None
        except OSError as error:
            raise self._broken(error) from None

    def log_in(self) -> None:
        """Raises AuthenticationError where Asterisk does not let the user in."""
        end = time.monotonic() + ANSWER_S
        self._greeted(end)
        fields = {"Username": self._server.username, "Secret": self._server.secret.reveal()}
        if self._server.challenge:
            answer = self._ask(end, Action="Challenge", AuthType="MD5")
            fields = {**fields, "AuthType": "MD5", "Key": self._key(answer.get("challenge", ""))}
            del fields["Secret"]
        answer = self._ask(end, Action="Login", Events=_EVENTS, **fields)
        if answer.get("response") != "Success":
            raise AuthenticationError(
                f"{self._server} refuses the user {self._server.username} ({answer.get('message', '')[:100]}). Compare "
                "username and secret with manager.conf, and our address with its permit lines."
            )

    def ask(self, **fields: str) -> Message:
        """Sends an action, and returns its answer."""
        return self._ask(time.monotonic() + ANSWER_S, **fields)

    def send(self, **fields: str) -> None:
        """Sends an action; its answer is among what is received."""
        try:
            self._sock.settimeout(ANSWER_S)
            self._sock.sendall(write_message(**fields))
        except (OSError, ValueError) as error:
            raise self._broken(error) from None

    def receive(self, wait_s: float) -> list[bytes]:
        """What has come, or comes within so many seconds. Asks into a long silence, and ends a longer one."""
        if early := self._early:
            self._early = []
            return early
        try:
            frames = self._framing.feed(self._received(wait_s))
        except TimeoutError:
            self._keep_alive()
            return []
        except (OSError, ValueError) as error:
            raise self._broken(error) from None
        return frames

    def log_off(self) -> list[bytes]:
        """Leaves, and returns what Asterisk still told until then."""
        told, end = self._early, time.monotonic() + _LAST_WORDS_S
        with suppress(Transient, OSError, ValueError):
            self.send(Action="Logoff")
            while time.monotonic() < end:
                told += self._framing.feed(self._received(_LAST_WORDS_S))
        self.close()
        return told

    def close(self) -> None:
        """Hangs up."""
        self._sock.close()

    def _greeted(self, end: float) -> None:
        """The banner is a line alone: the only thing that does not end like a message."""
        banner = b""
        while b"\r\n" not in banner and len(banner) < 200:
            banner += self._within(end)
        line, _, rest = banner.partition(b"\r\n")
        if b"Call Manager" not in line:
            raise Transient(f"{self._server} does not greet as Asterisk's manager does: is it the port of AMI?")
        self._early += self._framing.feed(rest)

    def _ask(self, end: float, **fields: str) -> Message:
        self.send(**fields)
        while True:
            frames, self._early = self._early, []
            for number, frame in enumerate(frames):
                if "response" in (answer := read_message(frame)):
                    self._early = frames[number + 1 :]
                    return answer
            try:
                self._early = self._framing.feed(self._within(end))
            except ValueError as error:
                raise self._broken(error) from None

    def _within(self, end: float) -> bytes:
        try:
            return self._received(max(end - time.monotonic(), 0.001))
        except OSError as error:
            raise self._broken(error) from None

    def _received(self, wait_s: float) -> bytes:
        self._sock.settimeout(wait_s)
        received = self._sock.recv(65_536)
        if not received:
            raise ConnectionError("it ended the connection")
        self._heard, self._asked = time.monotonic(), False
        return received

    def _keep_alive(self) -> None:
        silent_s = time.monotonic() - self._heard
        if silent_s > SILENCE_S + ANSWER_S:
            raise self._broken(TimeoutError(f"silent for {silent_s:.0f} s"))
        if silent_s > SILENCE_S and not self._asked:
            self._asked = True
            self.send(Action="Ping")

    def _key(self, challenge: str) -> str:
        proof = (challenge + self._server.secret.reveal()).encode()
        return hashlib.md5(proof, usedforsecurity=False).hexdigest()  # Asterisk knows no other

    def _broken(self, error: Exception) -> Transient:
        return Transient(f"{self._server} failed ({type(error).__name__}: {error}).", code="asterisk_unreachable")


def _connected(server: Server) -> socket.socket:
    sock = socket.create_connection((server.host, server.port), timeout=ANSWER_S)
    if not server.tls:
        return sock
    try:
        return ssl.create_default_context().wrap_socket(sock, server_hostname=server.host)
    except OSError:
        sock.close()
        raise
