"""The doors of a plugin as one call each: also of one that nobody opened, and with what was asked of the provider."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest
import responses

from cxsdk import (
    CX,
    Channel,
    Context,
    Inbound,
    Message,
    Raw,
    Receipt,
    Request,
    Response,
    Secret,
    SignatureError,
    SurveyProvider,
    Unsupported,
    verify_token,
)
from cxsdk.testing import NOW, opened, read, receive, send
from cxsdk.testing.crm import FakeCRM
from cxsdk.testing.inline import installed

TOKEN = "sample-door-token"


class Sms(Channel, Inbound):
    """Counts how often it is opened and closed."""

    token: Secret

    batch_size = 2
    reaches = "phone"
    seen: list[str] = []  # noqa: RUF012 - a setting, and so each object's own

    def open(self, context: Context) -> None:
        self.seen.append("open")
        self._url = context.webhook_url
        self._http = context.http("https://sms.example/v1", headers={"X-Key": self.token})

    def close(self) -> None:
        self.seen.append("close")

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        body = {"texts": [message.text for message in messages], "token": self.token.reveal()}
        for id in self._http.post("/texts?lang=en", json=body):
            yield Receipt.accepted(id)

    def verify(self, request: Request, now: datetime) -> None:
        verify_token(request, header="X-Key", token=self.token)
        if request.url != self._url:
            raise SignatureError

    def parse(self, raw: Raw) -> Iterator[Response]:
        with raw.reading() as answer:
            yield Response(key=raw.id, at=answer["at"], invitation=answer["who"])


class Forms(SurveyProvider):
    """A link, and nothing that comes back by itself."""

    def link(self, invitation: object) -> str:
        return "https://forms.example/1"


@pytest.fixture
def sms() -> Sms:
    return Sms(token=Secret(TOKEN), seen=[])


def message(text: str) -> Message:
    return Message(key=text, to="+12125550123", text=text)


@responses.activate
def test_send_opens_a_plugin_for_itself_and_tells_what_was_asked(sms: Sms) -> None:
    responses.post("https://sms.example/v1/texts", json=["1", "2"])
    responses.post("https://sms.example/v1/texts", json=["3"])

    receipts, requests = send(sms, [message("a"), message("b"), message("c")])

    assert [receipt.id for receipt in receipts] == ["1", "2", "3"]
    assert [request.json["texts"] for request in requests] == [["a", "b"], ["c"]]
    assert (requests[0].method, requests[0].path, requests[0].query) == ("POST", "/v1/texts", {"lang": ["en"]})
    assert TOKEN not in "".join(f"{request} {request.headers['x-key']} {request.body!r}" for request in requests)
    assert sms.seen == ["open", "close"]


@responses.activate
def test_a_plugin_that_is_open_stays_open_and_each_call_tells_its_own_requests(sms: Sms) -> None:
    responses.post("https://sms.example/v1/texts", json=["1"])
    with opened(sms):
        assert len(send(sms, [message("a")]).requests) == 1
        assert len(send(sms, [message("b")]).requests) == 1
        assert sms.seen == ["open"]
    assert sms.seen == ["open", "close"]


def test_a_plugin_of_an_installation_is_left_to_it(tmp_path: Path) -> None:
    crm = FakeCRM()
    with installed(CX(crm=crm, database=f"sqlite:///{tmp_path}/cx.db")) as installation:
        send(crm, [])
        assert crm._context.state is installation.runtime.crm._context.state  # type: ignore[attr-defined]


def test_receive_opens_a_plugin_for_itself_and_knows_its_address(sms: Sms) -> None:
    body = b'{"at": "2026-01-05T12:00:00Z", "who": "tok"}'
    [response] = receive(sms, headers={"X-Key": TOKEN}, body=body)
    assert isinstance(response, Response)
    assert (response.invitation, response.at) == ("tok", NOW)
    with pytest.raises(SignatureError):
        receive(sms, headers={"X-Key": TOKEN}, body=body, url="https://elsewhere.example/hook")
    assert sms.seen == ["open", "close"] * 2


def test_receive_says_so_where_there_is_no_webhook() -> None:
    class Notes(Forms, Inbound):
        def parse(self, raw: Raw) -> Iterator[Response]:
            yield from ()

    with pytest.raises(Unsupported, match="Notes has no webhook"):
        receive(Notes(), headers={}, body=b"")
    with pytest.raises(KeyError):
        read(Notes(), "none")


def test_the_kit_needs_pytest_only_where_it_is_used() -> None:
    look = "import sys, cxsdk.testing; assert 'pytest' not in sys.modules and 'responses' not in sys.modules"
    subprocess.run([sys.executable, "-c", look], check=True)
