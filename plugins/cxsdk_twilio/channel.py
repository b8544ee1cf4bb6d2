"""Twilio as a channel: webhooks of calls and messages in, with lists to catch up; SMS out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

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
    Stop,
    own_numbers,
)
from cxsdk_twilio.catch_up import Item, Listing
from cxsdk_twilio.facts import OVER, facts_of
from cxsdk_twilio.failures import read_failure
from cxsdk_twilio.records import bad_input, read_record
from cxsdk_twilio.samples import sample_callbacks
from cxsdk_twilio.sides import Sides
from cxsdk_twilio.signature import check_signature

if TYPE_CHECKING:
    import requests

_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_NUMBER = re.compile(r"\+[0-9]{7,15}")
#: The customer has written STOP to the sender.
_OPTED_OUT = "21610"
#: A message that Twilio made and gave up at once: of this no callback tells.
_STILLBORN = frozenset({"failed", "undelivered", "canceled"})


class TwilioVoice(Channel, Inbound):
    """Calls over Twilio, and messages that come in; ``docs/plugins/twilio.md`` says what to set up there."""

    #: The account, ``AC…``.
    account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$")
    #: The account's auth token: Twilio signs webhooks with it, and without an API key it opens the API, too.
    auth_token: Secret
    #: An API key, ``SK…``, to open the API in place of the auth token.
    api_key: str | None = Field(default=None, pattern=r"^SK[0-9a-fA-F]{32}$")
    #: The API key's secret.
    api_secret: Secret | None = None
    #: The key of the signatures, where the account has one of its own for webhooks (HMAC-SHA256).
    signing_key: Secret | None = None
    #: All numbers of the company: its lines, and employees' phones that Twilio dials.
    own_numbers: tuple[str, ...] = ()
    #: Who tells that an inbound call was answered: the ``leg`` that was dialled for an agent, or the ``call`` itself.
    answered_by: Literal["leg", "call"] = "leg"
    #: Whether the lists of calls and messages are read, for what no webhook told.
    catch_up: bool = True
    #: The API of another region.
    api_url: str = Field(default="https://api.twilio.com", pattern=r"^https?://[^\s/]+$")

    kind = Kind.CALL
    webhook_status = 204  # what it wants without TwiML
    poll_every: ClassVar[timedelta] = timedelta(minutes=5)

    @field_validator("own_numbers")
    @classmethod
    def _own_numbers_in_e164(cls, numbers: tuple[str, ...]) -> tuple[str, ...]:
        return own_numbers(numbers)

    @model_validator(mode="after")
    def _key_and_secret_go_together(self) -> TwilioVoice:
        if (self.api_key is None) is not (self.api_secret is None):
            raise ValueError("api_key and api_secret go together: give both, or neither")
        return self

    def open(self, context: Context) -> None:
        """Keeps a session; asks Twilio nothing."""
        user = (self.api_key, self.api_secret) if self.api_key and self.api_secret else None
        self._http = context.http(self.api_url, basic=user or (self.account_sid, self.auth_token))
        self._clock = context.clock
        self._webhook_url = context.webhook_url

    def check(self) -> str:
        """Reads one call of the account, and in ``Twilio`` the sender, where it is a number."""
        self._http.get(f"{self._path}/Calls.json", params={"PageSize": 1})
        return f"account {self.account_sid}"

    def classify(self, response: requests.Response) -> Exception | None:
        """Twilio's own codes."""
        return read_failure(response)

    # -- in

    def verify(self, request: Request, now: datetime) -> None:
        """Checks X-Twilio-Signature; Twilio signs no time, so that what is repeated is known by its body."""
        own_key = request.header("X-Twilio-Webhooks-Signature-Settings") and self.signing_key
        check_signature(request, own_key or self.auth_token)

    def samples(self, url: str, now: datetime) -> Mapping[str, Request]:
        """Calls and messages of a sample customer, signed with the auth token."""
        line = next(iter(self.own_numbers), "+12125550100")
        return sample_callbacks(url, self.account_sid, line, self.auth_token, now)

    def parse(self, raw: Raw) -> Iterator[Fact]:
        """What a callback or an item of a list tells; nothing for what is neither call nor message."""
        record = read_record(raw)
        if record is None:
            return
        try:
            yield from facts_of(record, raw.received_at, Sides(self.own_numbers), by_leg=self.answered_by == "leg")
        except ValidationError as error:
            raise bad_input(error) from None

    def sources(self) -> Mapping[str, Reader]:
        """The lists of calls and messages."""
        return {"calls": self._read_calls, "messages": self._read_messages} if self.catch_up else {}

    def _read_calls(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        calls = Listing(f"{self._path}/Calls.json", "StartTime>", lambda item: item.get("status") in OVER)
        return calls.read(self._http, self._clock.now(), cursor, stop)

    def _read_messages(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        messages = Listing(f"{self._path}/Messages.json", "DateSent>", self._concerns_us)
        return messages.read(self._http, self._clock.now(), cursor, stop)

    def _concerns_us(self, item: Item) -> bool:
        return item.get("direction") == "inbound"

    @property
    def _path(self) -> str:
        return f"/2010-04-01/Accounts/{self.account_sid}"


class Twilio(TwilioVoice):
    """Calls, and messages by SMS in and out."""

    #: What messages are sent from: a number (``+12125550100``), a name or short code, or a messaging service (``MG…``).
    sender: str = Field(min_length=1, max_length=40, pattern=r"^\S(.*\S)?$")

    reaches = "phone"
    message_length = 1600
    batch_size = 10

    def check(self) -> str:
        if _NUMBER.fullmatch(self.sender):
            self._demand_sender()
        return f"{super().check()}, {self.sender} sends"

    def _demand_sender(self) -> None:
        """Raises ConfigurationError where the sender is none of the account's numbers, or takes no messages."""
        asked = {"PhoneNumber": self.sender, "PageSize": 1}
        found = self._http.get(f"{self._path}/IncomingPhoneNumbers.json", params=asked)["incoming_phone_numbers"]
        if not (found and (found[0].get("capabilities") or {}).get("sms", True)):
            raise ConfigurationError(
                f"{self.sender} takes no messages." if found else f"{self.sender} is no number of the account.",
                path="Twilio.sender",
                cure="Give a number of the account that can send SMS, or a messaging service.",
            )

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        """Sends each message as one SMS of as many segments as it takes; its id is Twilio's ``SM…``."""
        for message in messages:
            yield self._send(
                {"To": message.to, "Body": message.text, "StatusCallback": self._webhook_url, **self._from}
            )

    def _send(self, form: Mapping[str, str]) -> Receipt:
        try:
            sent: dict[str, Any] = self._http.post(f"{self._path}/Messages.json", data=form)
        except OutcomeUnknown as error:
            return Receipt.unknown(str(error))
        except Rejected as error:
            is_stop = error.provider_code == _OPTED_OUT
            return Receipt.opted_out(str(error)) if is_stop else Receipt.rejected(str(error))
        if sent.get("status") in _STILLBORN:
            return Receipt.rejected(f"Twilio gave it up at once: error {sent.get('error_code')}.")
        return Receipt.accepted(sent["sid"])

    @property
    def _from(self) -> dict[str, str]:
        return {"MessagingServiceSid" if _SERVICE.fullmatch(self.sender) else "From": self.sender}

    def _concerns_us(self, item: Item) -> bool:
        """What came in, and what became of messages from our own sender: others may use the account, too."""
        ours = self.sender in (item.get("from"), item.get("messaging_service_sid"))
        return ours or super()._concerns_us(item)
