"""A plugin as its author tests it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
import responses

from cxsdk import (
    CRM,
    Channel,
    Context,
    Inbound,
    InteractionFact,
    LogEntry,
    Message,
    Page,
    Person,
    Raw,
    Receipt,
    Rejected,
    Request,
    Secret,
    SignatureError,
    Task,
    verify_token,
)
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, opened, read, receive, send


class Sms(Channel, Inbound):
    """Texts, in and out."""

    token: Secret

    batch_size: ClassVar[int] = 2
    reaches: ClassVar[str | None] = "phone"

    def open(self, context: Context) -> None:
        self._context = context
        self._http = context.http("https://sms.example.com", bearer=self.token)

    def close(self) -> None:
        self._context.state.put("closed", "yes")

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        for message in messages:
            yield Receipt.accepted(self._http.post("/sms", json={"to": message.to, "of": len(messages)})["id"])

    def verify(self, request: Request, now: datetime) -> None:
        verify_token(request, header="X-Token", token=self.token)

    def parse(self, raw: Raw) -> Iterable[InteractionFact]:
        yield InteractionFact(key=raw.id, at=raw.received_at or NOW, text=raw.payload()["text"])

    def sources(self) -> Mapping[str, Any]:
        return {"all": self._read, "stream": self._stream}

    def _read(self, cursor: str | None, stop: Any) -> Iterator[Page]:
        for number in range(int(cursor or 0) + 1, 4):
            yield Page(items=(Raw.of({"n": number}),), cursor=str(number))

    def _stream(self, cursor: str | None, stop: Any) -> Iterator[Page]:
        while not stop.is_set():
            yield Page(cursor="0")


class Sink(CRM):
    """A CRM that takes everything."""

    def find_people(self, who: Sequence[Person]) -> Iterable[str | None]:
        return [None for _ in who]

    def create_people(self, people: Sequence[Person]) -> Iterable[Receipt]:
        return [Receipt.accepted(f"person-{one.key}") for one in people]

    def log(self, entries: Sequence[LogEntry]) -> Iterable[Receipt]:
        return [Receipt.accepted(f"entry-{one.key}") for one in entries]

    def save_tasks(self, tasks: Sequence[Task]) -> Iterable[Receipt]:
        return [Receipt.accepted(f"task-{one.key}") for one in tasks]


@pytest.fixture
def sms() -> Sms:
    return Sms(token=Secret("sample-sms-token"))


def message(key: str) -> Message:
    return Message(key=key, to="+12125550123", text="Hello")


def test_a_plugin_is_opened_with_all_it_needs_and_closed(sms: Sms) -> None:
    with opened(sms) as plugin:
        context = plugin._context
        assert context.clock.now() == datetime(2026, 1, 5, 12, tzinfo=UTC)
        assert context.webhook_url == "https://cx.example.com/webhooks/sms"
        assert context.survey_link("tok", NOW + timedelta(days=1)) == "https://cx.example.com/s/tok"
        assert context.state.get("closed") is None
        context.log.info("opened")
    assert context.state.get("closed") == "yes"


def test_the_state_of_an_account_is_small(sms: Sms) -> None:
    with opened(sms) as plugin, pytest.raises(ValueError, match="at most 65536 bytes"):
        plugin._context.state.put("big", "x" * 65_537)


def test_another_clock_is_taken(sms: Sms) -> None:
    clock = ManualClock(NOW + timedelta(days=1))
    with opened(sms, clock=clock) as plugin:
        assert plugin._context.clock is clock


@responses.activate
def test_values_are_sent_in_batches_that_the_plugin_takes(sms: Sms) -> None:
    responses.add("POST", "https://sms.example.com/sms", json={"id": 5})
    with opened(sms) as plugin:
        receipts = send(plugin, [message("a"), message("b"), message("c")]).receipts
    assert receipts == [Receipt.accepted("5")] * 3
    assert [call.request.body for call in responses.calls][2] == b'{"to": "+12125550123", "of": 1}'


@responses.activate
def test_another_address_stands_for_the_provider(sms: Sms) -> None:
    responses.add("POST", "http://127.0.0.1:9/sms", status=422, json={"token": "sample-sms-token"})
    with opened(sms, base_url="http://127.0.0.1:9") as plugin, pytest.raises(Rejected) as caught:
        send(plugin, [message("a")])
    assert str(caught.value).startswith("sms: POST /sms")
    assert "sample-sms-token" not in str(caught.value.body)


def test_each_value_finds_its_method() -> None:
    crm = Sink()
    entry = LogEntry(key="1", person_id="p", kind="call", direction="inbound", at=NOW)
    task = Task(key="2", person_id="p", title="Call back", due=NOW)
    assert [send(crm, [value]).receipts[0].id for value in (Person(key="0"), entry, task)] == [
        "person-0",
        "entry-1",
        "task-2",
    ]
    assert send(crm, []) == ([], [])


def test_what_is_received_is_verified_and_then_parsed(sms: Sms) -> None:
    body = b'{"text": "Hello"}'
    (fact,) = receive(sms, headers={"x-token": "sample-sms-token"}, body=body)
    assert (fact.text, fact.at) == ("Hello", NOW)
    with pytest.raises(SignatureError):
        receive(sms, headers={"x-token": "wrong"}, body=body)


def test_a_source_is_read_from_the_cursor_to_its_end_or_to_a_number_of_pages(sms: Sms) -> None:
    assert [page.cursor for page in read(sms, "all")] == ["1", "2", "3"]
    assert [page.cursor for page in read(sms, "all", "2")] == ["3"]
    assert len(read(sms, "stream", pages=5)) == 5
