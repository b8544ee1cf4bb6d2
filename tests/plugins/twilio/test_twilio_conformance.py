"""What the kit for plugin authors asks of every channel, asked of Twilio's."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from cxsdk import Request, Secret
from cxsdk.testing import Answer, ChannelConformance, HttpStandIn, SentRequest
from cxsdk_twilio import TwilioVoice
from tests.plugins.twilio.samples import (
    ACCOUNT,
    CUSTOMER,
    MEDIA_TEXT,
    TOKEN,
    call,
    came,
    leg,
    listed,
    made,
    page,
    recording,
    refusal,
    status,
    text,
    twilio,
)  # fmt: skip


class TwilioAPI(HttpStandIn):
    """Twilio's lists of calls and messages in memory."""

    limits: ClassVar[Sequence[Answer]] = (
        Answer(429, refusal(20429, 429)),
        Answer(400, refusal(21611)),
        Answer(429, refusal(63038, 429), wait=3600),
    )
    unauthorized: ClassVar[Answer] = Answer(401, refusal(20003, 401, "Authenticate"))
    refused: ClassVar[Answer] = Answer(400, refusal(21211, message="Invalid 'To' Phone Number"))
    down: ClassVar[Answer] = Answer(500, refusal(20500, 500, "An internal server error has occurred"))

    def __init__(self) -> None:
        self._sent: dict[str, dict[str, Any]] = {}

    def records(self) -> dict[str, Any]:
        return self._sent

    def delivery(self, message_id: str) -> bytes:
        return urlencode(status("delivered", MessageSid=message_id, SmsSid=message_id)).encode()

    def answer(self, request: SentRequest) -> Any:
        match request.method, request.path.rpartition("/")[2], request.query:
            case "POST", "Messages.json", _:
                return self._send(request.form)
            case "GET", "Calls.json", {"PageToken": _}:
                return page("Calls", listed("busy", sid="CA" + "9" * 32))
            case "GET", "Calls.json", _:
                onward = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json?PageSize=1000&Page=1&PageToken=PACA1"
                return page("Calls", listed(), next=onward)
            case "GET", "Messages.json", _:
                return page("Messages", came(), *self._sent.values())
        return 404

    def _send(self, form: Mapping[str, Any]) -> Answer:
        told = {name: value[-1] if isinstance(value, list) else value for name, value in form.items()}
        if len(told["Body"].encode("utf-16-le")) > 2 * 1600:
            return Answer(400, refusal(21617))
        sid = f"SM{len(self._sent) + 1:032x}"
        self._sent[sid] = made(sid=sid, body=told["Body"], to=told["To"])
        return Answer(201, self._sent[sid])


def form(fields: dict[str, str]) -> bytes:
    return urlencode(fields).encode()


class TestTwilio(ChannelConformance):
    """Calls and messages."""

    stand_in = TwilioAPI
    key = TOKEN
    recipient = CUSTOMER
    payloads = (
        form(text()),
        form(
            text(
                "",
                MessageSid=MEDIA_TEXT,
                NumMedia="1",
                MediaContentType0="image/jpeg",
                MediaUrl0="https://example.com/1",
            )
        ),
        form(status("delivered")),
        form(status("undelivered", ErrorCode="30006")),
        form(call("completed", 60, CallDuration="42")),
        form(leg("no-answer", 20)),
        form(recording()),
    )

    def plugin(self) -> TwilioVoice:
        return twilio()

    def sign(self, request: Request, key: str, at: datetime) -> Mapping[str, str]:
        pairs = sorted(set(parse_qsl(request.body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")))
        signed = request.url + "".join(name + value for name, value in pairs)
        digest = hmac.digest(key.encode(), signed.encode("latin-1"), "sha1")
        return {"X-Twilio-Signature": base64.b64encode(digest).decode()}


class TestTwilioVoice(TestTwilio):
    """Calls, and messages that come in."""

    def plugin(self) -> TwilioVoice:
        return TwilioVoice(account_sid=ACCOUNT, auth_token=Secret(TOKEN))
