"""Asterisk as a channel: calls come in over AMI; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from cxsdk import (
    AuthenticationError,
    BadInput,
    Channel,
    Context,
    Fact,
    Inbound,
    InteractionFact,
    Kind,
    Raw,
    Reader,
    Secret,
    own_numbers,
)
from cxsdk_asterisk.facts import READERS, Told
from cxsdk_asterisk.messages import Message, read_epoch, read_messages
from cxsdk_asterisk.office import Office
from cxsdk_asterisk.session import Server, Session
from cxsdk_asterisk.stream import Stream
from cxsdk_asterisk.summaries import read_cdr, read_listed

_Trunk = Annotated[str, Field(pattern=r"^[^/\s]+/\S+$", max_length=200)]


class Asterisk(Channel, Inbound):
    """Calls of one Asterisk; ``docs/plugins/asterisk.md`` says what to set up there."""

    #: Where the manager listens: a name or an address.
    host: str = Field(min_length=1)
    #: Its port: usually 5038, or 5039 with TLS.
    port: int = Field(default=5038, ge=1, le=65535)
    #: The user in manager.conf.
    username: str = Field(min_length=1, pattern=r"^[^\r\n]+$")
    #: The user's secret.
    secret: Secret
    #: Whether the manager speaks TLS on this port.
    tls: bool = False
    #: Whether the secret stays here, and only proves itself (MD5 challenge); else it is sent.
    challenge: bool = True
    #: What leads out of the house, as channels are called there: ``PJSIP/provider``, with ``*`` for any letters.
    trunks: tuple[_Trunk, ...] = Field(min_length=1)
    #: The country (ISO 3166, ``UA``) whose numbers come without a country code.
    region: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    #: The company's own numbers: never a customer.
    own_numbers: tuple[str, ...] = ()
    #: Employees by their phone (``PJSIP/desk-7``) or their name in a queue; without it, by the phone's own name.
    agents: Mapping[str, str] = Field(default_factory=dict)
    #: Under which address agents hear the files of ``recordings_folder``; without it, recordings are not linked.
    recordings_url: str | None = Field(default=None, pattern=r"^https?://\S+$")
    #: Where Asterisk writes recordings.
    recordings_folder: str = "/var/spool/asterisk/monitor/"
    #: How long after its last event a call is logged whose end was not seen.
    log_stale_calls_after: timedelta = Field(default=timedelta(hours=2), gt=timedelta(0))

    kind = Kind.CALL

    @field_validator("own_numbers")
    @classmethod
    def _own_numbers_in_e164(cls, numbers: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return own_numbers(numbers, region=info.data.get("region"))

    @model_validator(mode="after")
    def _secret_is_not_told_to_everybody(self) -> Asterisk:
        if not (self.tls or self.challenge or self.host in ("localhost", "127.0.0.1", "::1")):
            raise ValueError("challenge=False sends the secret: use it with tls=True or on the same machine only")
        return self

    def log_after(self) -> timedelta:
        """How long after its last event a call is logged whose end was not seen."""
        return self.log_stale_calls_after

    def open(self, context: Context) -> None:
        """Connects nowhere: that is done by whoever reads."""
        self._stream = Stream(self._server, self.parse, context)

    def close(self) -> None:
        """Logs off."""
        self._stream.close()

    def check(self) -> str:
        """Logs in, asks which calls go on, and logs off; whoever reads meanwhile goes on."""
        session = Session(self._server)
        try:
            session.log_in()
            answer = session.ask(Action="CoreShowChannels", ActionID="cxsdk-check")
        finally:
            session.log_off()
        if answer.get("response") == "Error":
            raise AuthenticationError(
                f"{self._server} lets {self.username} in, but does not tell which calls go on "
                f"({answer.get('message', '')[:100]}). Add reporting to the user's write line in manager.conf.",
                code="asterisk_right_missing",
            )
        return f"{self.username} at {self._server}"

    def sources(self) -> Mapping[str, Reader]:
        """The manager's events."""
        return {"ami": self._stream.read}

    def parse(self, raw: Raw) -> Iterator[Fact]:
        """What an event, or the list of a call's channels, tells; nothing where no customer is there."""
        try:
            for number, (at, told) in enumerate(self._told(raw)):
                if told.get("interaction"):
                    yield InteractionFact(**{"key": f"{raw.id[:190]}:{number}", "kind": Kind.CALL, "at": at, **told})
        except ValidationError as error:
            raise BadInput.from_validation(error, root="event") from None

    def _told(self, raw: Raw) -> Iterator[tuple[datetime, Told]]:
        messages, office = list(read_messages(raw.body)), self._office
        if not messages:
            return
        at = _time(messages[0], raw)
        if messages[0].get("event") == "CoreShowChannel":
            yield from ((at, told) for told in read_listed(messages, office, at))
            return
        for message in messages:
            event, at = message.get("event", "").lower(), _time(message, raw)
            read = READERS.get(event)
            if event == "cdr":
                yield from ((at, told) for told in read_cdr(message, office, at, _connected(raw)))
            elif read and (told := read(message, office)):
                yield at, told

    @property
    def _server(self) -> Server:
        return Server(self.host, self.port, self.tls, self.username, self.secret, self.challenge)

    @property
    def _office(self) -> Office:
        recordings = (self.recordings_folder, self.recordings_url)
        return Office(self.trunks, self.region, frozenset(self.own_numbers), self.agents, recordings)


def _time(message: Message, raw: Raw) -> datetime:
    at = read_epoch(message.get("timestamp", "")) or raw.received_at
    if at is None:
        raise BadInput("It tells no time.", field="event.Timestamp")
    return at


def _connected(raw: Raw) -> datetime | None:
    given = raw.headers.get("connected")
    return datetime.fromisoformat(given) if given else None
