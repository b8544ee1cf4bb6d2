"""A Telegram bot as a channel: webhook or long polling in, sendMessage out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, ValidationError, field_validator

from cxsdk import (
    Channel,
    ConfigurationError,
    Context,
    Fact,
    Inbound,
    Kind,
    Message,
    OutcomeUnknown,
    Page,
    Raw,
    Reader,
    Receipt,
    Rejected,
    Request,
    Secret,
    SignatureError,
    Stop,
    verify_token,
)
from cxsdk_telegram.facts import facts_of
from cxsdk_telegram.failures import read_failure
from cxsdk_telegram.outgoing import TEXT_LIMIT, build_request
from cxsdk_telegram.samples import sample_updates
from cxsdk_telegram.taps import build_mark, build_notice
from cxsdk_telegram.update import ALLOWED_UPDATES, bad_input, read_key, read_update

if TYPE_CHECKING:
    import requests


class Telegram(Channel, Inbound):
    """A bot that customers write to; ``docs/plugins/telegram.md`` says how to make one.

    With a ``webhook_secret`` Telegram posts updates to us (call ``register_webhook`` once); without one they are
    fetched, and each request waits ``poll_seconds`` for something to come: a stop waits as long. ``api_url`` is for a
    Bot API server of one's own.
    """

    #: The bot's token, as @BotFather gave it.
    token: Secret
    #: What Telegram repeats with each update; turns polling off.
    webhook_secret: Secret | None = None
    #: How long one request waits for updates, 0 to 5.
    poll_seconds: int = Field(default=2, ge=0, le=5)
    #: A Bot API server of your own.
    api_url: str = Field(default="https://api.telegram.org", pattern=r"^https?://[^\s/]+[^\s]*[^\s/]$")

    reaches = "telegram"
    kind = Kind.MESSAGE
    inline_answers = True
    message_length = TEXT_LIMIT
    batch_size = 20
    poll_every: ClassVar[timedelta] = timedelta(seconds=1)

    @field_validator("token")
    @classmethod
    def _token_fits_a_url(cls, token: Secret) -> Secret:
        if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", token.reveal()):
            raise ValueError("must be digits, a colon and letters, as @BotFather wrote it")
        return token

    @field_validator("webhook_secret")
    @classmethod
    def _secret_fits_telegram(cls, secret: Secret | None) -> Secret | None:
        if secret is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret.reveal()):
            raise ValueError("must be 1 to 256 letters, digits, _ or -")
        return secret

    def open(self, context: Context) -> None:
        """Keeps a session; asks Telegram nothing."""
        self._http = context.http(f"{self.api_url}/bot{self.token.reveal()}")
        self._webhook_url = context.webhook_url

    def check(self) -> str:
        """Asks for the bot's own name, and where Telegram posts updates (getMe, getWebhookInfo).

        Raises ConfigurationError where they do not come here.
        """
        bot, hook = (self._http.get(f"/{method}")["result"] for method in ("getMe", "getWebhookInfo"))
        wanted = self._webhook_url if self.webhook_secret else ""
        if hook["url"] != wanted:
            raise ConfigurationError(
                f"Telegram posts updates to {hook['url']}." if hook["url"] else "Telegram posts updates to nobody.",
                path="Telegram.webhook_secret",
                cure="Call register_webhook()." if wanted else "Call remove_webhook(), or give this setting.",
            )
        trouble = f"; it could not post an update here: {hook['last_error_message']}" if _is_troubled(hook) else ""
        return f"@{bot['username']}{trouble}"

    def classify(self, response: requests.Response) -> Exception | None:
        """Telegram's own words for an error."""
        return read_failure(response)

    # -- out

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        """Sends each message; its id names the chat, too, since Telegram counts messages per chat."""
        for message in messages:
            if message.to.isascii() and message.to.isdigit():
                yield self._send(build_request(message, int(message.to)))
            else:
                yield Receipt.rejected("The recipient is not the id of a Telegram user.")

    def _send(self, request: Mapping[str, Any]) -> Receipt:
        try:
            sent = self._http.post("/sendMessage", json=request)["result"]
        except OutcomeUnknown as error:
            return Receipt.unknown(str(error))
        except Rejected as error:
            return Receipt.rejected(str(error))
        return Receipt.accepted(f"{sent['chat']['id']}:{sent['message_id']}")

    # -- in

    def verify(self, request: Request, now: datetime) -> None:
        """Compares the secret that Telegram repeats in a header."""
        if self.webhook_secret is None:
            raise SignatureError("This account polls and has no webhook; give webhook_secret.", code="webhook_off")
        verify_token(request, header="X-Telegram-Bot-Api-Secret-Token", token=self.webhook_secret)

    def event_key(self, request: Request) -> str:
        """The update's number, the same over a webhook and over polling."""
        return read_key(request) or super().event_key(request)

    def parse(self, raw: Raw) -> Iterator[Fact]:
        """What an update tells; nothing for those that tell of no customer."""
        update = read_update(raw)
        try:
            yield from facts_of(update, raw.received_at)
        except ValidationError as error:
            raise bad_input(error) from None

    def samples(self, url: str, now: datetime) -> Mapping[str, Request]:
        """A message and a shared card of a sample customer; nothing where updates are polled."""
        return sample_updates(url, self.webhook_secret, now) if self.webhook_secret else {}

    def acknowledge(self, raw: Raw, thanks: str) -> None:
        """Ends the waiting of a button that was tapped, thanks for an answer and marks it among the buttons."""
        tap = read_update(raw).callback_query if b'"callback_query"' in raw.body else None
        if tap is None:
            return
        with suppress(Rejected):  # after a while Telegram no longer takes an answer; the mark can still be made
            self._http.post("/answerCallbackQuery", json=build_notice(tap, thanks))
        if thanks and (mark := build_mark(tap)):
            self._http.post("/editMessageReplyMarkup", json=mark)

    def sources(self) -> Mapping[str, Reader]:
        """Long polling, unless Telegram posts updates to us."""
        return {} if self.webhook_secret else {"updates": self._read_updates}

    def _read_updates(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        """Updates from the cursor on, which is Telegram's ``offset``: asking from there confirms all before it."""
        while not stop.is_set():
            updates = self._http.post("/getUpdates", json=self._from(cursor), reads=True)["result"]
            if not updates:
                return
            cursor = str(updates[-1]["update_id"] + 1)
            yield Page(items=tuple(Raw.of(each, id=str(each["update_id"])) for each in updates), cursor=cursor)

    def _from(self, cursor: str | None) -> dict[str, Any]:
        asked = {"timeout": self.poll_seconds, "allowed_updates": ALLOWED_UPDATES}
        return asked if cursor is None else {**asked, "offset": int(cursor)}

    # -- the webhook at Telegram

    def register_webhook(self) -> None:
        """Tells Telegram to post updates to us: once, after ``open``, and again when URL or secret changed."""
        if self.webhook_secret is None:
            raise ConfigurationError("There is no webhook.", path="Telegram.webhook_secret", cure="Give this setting.")
        wanted = {"url": self._webhook_url, "secret_token": self.webhook_secret.reveal()}
        self._http.post("/setWebhook", json={**wanted, "allowed_updates": ALLOWED_UPDATES})

    def remove_webhook(self) -> None:
        """Tells Telegram to post no more updates, so that they can be polled; none is lost."""
        self._http.post("/deleteWebhook", json={})


def _is_troubled(hook: Mapping[str, Any]) -> bool:
    """An error of long ago stands there, too: it counts while updates wait."""
    return bool(hook.get("last_error_message")) and hook.get("pending_update_count", 0) > 0
