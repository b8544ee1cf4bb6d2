"""The e-mail account: its settings, and which module does what with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from cxsdk import (
    Channel,
    ConfigurationError,
    Context,
    Fact,
    Inbound,
    Kind,
    Message,
    Page,
    Raw,
    Reader,
    Receipt,
    Secret,
    Stop,
)
from cxsdk_email.addresses import Ours, ascii_address
from cxsdk_email.server import Security, Server, is_loopback

#: Finds the folder by its special-use flag, or by its usual names.
AUTO = "auto"


class Email(Channel, Inbound):
    """One mailbox: what customers write to it, what agents send from it, and what cxsdk sends in its name."""

    reaches = "email"
    kind = Kind.EMAIL
    batch_size = 10  # so many are in doubt at most when a process is killed while it sends
    duplicates = "none"

    #: The mailbox's address: sender of all that goes out, and where the answers and bounces come back.
    address: str
    #: The mail server, for both directions unless ``smtp_host`` or ``imap_host`` says otherwise.
    host: str = Field(min_length=1)
    #: The password of the login.
    password: Secret
    #: The login; the address where not said.
    user: str = ""
    #: The name that customers see beside the address.
    sender_name: str = ""

    #: Where mail is handed in, if not at ``host``.
    smtp_host: str = ""
    #: Its port; else 587, 465 (``tls``) or 25 (``plain``).
    smtp_port: int | None = Field(default=None, ge=1, le=65535)
    #: ``starttls``, ``tls`` or ``plain``.
    smtp_security: Security = "starttls"
    #: Where the relay for outgoing mail has a login of its own.
    smtp_user: str = ""
    #: The password of that login.
    smtp_password: Secret | None = None

    #: Where mail is read, if not at ``host``.
    imap_host: str = ""
    #: Its port; else 993, or 143 without ``tls``.
    imap_port: int | None = Field(default=None, ge=1, le=65535)
    #: ``tls``, ``starttls`` or ``plain``.
    imap_security: Security = "tls"
    #: Lets passwords and mails pass unencrypted to a server that is not this very machine.
    allow_plain: bool = False

    #: Whose mails are the company's, besides ``address``: addresses, or whole domains as ``"@example.com"``. Where
    #: nothing is said, the domain of ``address``, unless it is one where everybody may have a mailbox.
    ours: tuple[str, ...] = ()
    #: The folders that customers' mails arrive in; none: not read.
    folders: tuple[str, ...] = ("INBOX",)
    #: The folder with what agents sent; ``"auto"`` finds it; None: not read.
    sent: str | None = AUTO
    #: Older mails, by the day the server got them, are left alone; None: the whole folder is read.
    since: date | None = None
    #: Whether to keep the connection open and be told of new mail at once, where the server can do that.
    idle: bool = True
    #: Of a larger mail only so many bytes are read, and its text says so.
    mail_limit: int = Field(default=10_000_000, ge=10_000, le=100_000_000)

    _context: Context | None = PrivateAttr(default=None)

    @field_validator("address")
    @classmethod
    def _address_can_be_one(cls, address: str) -> str:
        normal = ascii_address(address)
        if normal is None:
            raise ValueError("must be an e-mail address, in ASCII before the @")
        return normal

    @field_validator("ours", "folders", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _passwords_travel_encrypted(self) -> Self:
        for name, server in (("smtp_security", self.smtp), ("imap_security", self.imap)):
            if server.security == "plain" and not self.allow_plain and not is_loopback(server.host):
                raise ConfigurationError(
                    "Passwords and mails would pass unencrypted.",
                    path=f"Email.{name}",
                    cure='Use "tls" or "starttls", or set allow_plain=True where the way to the server is safe.',
                    code="mail_plain",
                )
        return self

    @property
    def smtp(self) -> Server:
        """Where outgoing mail is handed in."""
        default = {"tls": 465, "starttls": 587, "plain": 25}[self.smtp_security]
        return Server(
            host=self.smtp_host or self.host,
            port=self.smtp_port or default,
            security=self.smtp_security,
            user=self.smtp_user or self.user or self.address,
            password=self.smtp_password or self.password,
        )

    @property
    def imap(self) -> Server:
        """Where mail is read."""
        default = {"tls": 993, "starttls": 143, "plain": 143}[self.imap_security]
        return Server(
            host=self.imap_host or self.host,
            port=self.imap_port or default,
            security=self.imap_security,
            user=self.user or self.address,
            password=self.password,
        )

    def open(self, context: Context) -> None:
        """Keeps what is needed for the Date of mails and for the log."""
        _require_libraries()
        self._context = context

    def check(self) -> str:
        """Logs in where mail is read, if it is, and where it is handed in."""
        from cxsdk_email.connection import connected
        from cxsdk_email.submission import submit

        asked = [f"SMTP at {self.smtp}"]
        if self.sources():
            with connected(self.imap):
                asked.insert(0, f"IMAP at {self.imap}")
        list(submit(self.smtp, self.address, (), deadline_s=self.deadline_s))
        return f"{' and '.join(asked)} let {self.address} in"

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        """Hands the messages in over one connection; each receipt follows the server's own answer to its mail."""
        from cxsdk_email.outgoing import write
        from cxsdk_email.submission import submit

        now = self._context.clock.now() if self._context else datetime.now(UTC)
        letters = (write(message, self.address, self.sender_name, now) for message in messages)
        return submit(self.smtp, self.address, letters, deadline_s=self.deadline_s)

    def parse(self, raw: Raw) -> list[Fact]:
        """The contact in a mail; or, of a bounce, what became of ours; or nothing, where we wrote it ourselves."""
        from cxsdk_email.incoming import parse

        return parse(raw, Ours.of(self.address, self.ours))

    def sources(self) -> Mapping[str, Reader]:
        """The folders that are read."""
        named = {"inbox" if folder.upper() == "INBOX" else f"folder:{folder}": folder for folder in self.folders}
        if self.sent:
            named["sent"] = self.sent
        return {source: partial(self._read, source, folder) for source, folder in named.items()}

    def _read(self, source: str, folder: str, cursor: str | None, stop: Stop) -> Iterator[Page]:
        from cxsdk_email.mailbox import FolderReader

        find_sent = source == "sent" and folder == AUTO
        reader = FolderReader(
            server=self.imap,
            source=source,
            folder=None if find_sent else folder,
            since=self.since,
            idle=self.idle,
            mail_limit=self.mail_limit,
        )
        return reader.read(cursor, stop)


def _require_libraries() -> None:
    try:
        import imap_tools  # noqa: F401
        import inscriptis  # type: ignore[import-untyped]  # noqa: F401
        import mailparser_reply  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "Libraries for e-mail are missing.",
            path="Email",
            cure='Install them with pip install "cxsdk[mail]".',
            code="extra_missing",
        ) from None
