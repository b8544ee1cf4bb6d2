"""Sample SMS: short messages both ways, and what became of them, as an author would write the whole plugin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from cxsdk import (
    Channel,
    Context,
    Delivery,
    Direction,
    Fact,
    Inbound,
    InteractionFact,
    Message,
    Raw,
    Receipt,
    Request,
    Secret,
    hookimpl,
    phone,
    verify_hmac,
)


class SampleSMS(Channel, Inbound):
    """One number at Sample SMS."""

    api_key: Secret
    webhook_key: Secret
    region: str | None = None

    reaches = "phone"
    message_length = 1600

    def open(self, context: Context) -> None:
        self._api = context.http("https://sms.sample.example/v1", headers={"Api-Key": self.api_key})

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        for message in messages:
            sent = self._api.post("/texts", json={"number": message.to, "body": message.text, "tag": message.key})
            yield Receipt.accepted(sent["id"])

    def verify(self, request: Request, now: datetime) -> None:
        verify_hmac(request, header="Sample-Signature", key=self.webhook_key, timestamp="Sample-Time", now=now)

    def parse(self, raw: Raw) -> Iterator[Fact]:
        with raw.reading() as event:
            match event["event"]:
                case "text":
                    sender = phone(event["number"], region=self.region)
                    yield InteractionFact(
                        key=event["id"],
                        at=event["time"],
                        direction=Direction.INBOUND,
                        sender=sender,
                        text=event["body"],
                    )
                case "status":
                    yield Delivery(key=raw.id, at=event["time"], message_id=event["id"], state=event["status"])


@hookimpl
def register_channels() -> Sequence[type[Channel]]:
    return [SampleSMS]
