"""The samples are not only typed: each is opened with the real HTTP session and does what it says."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
import responses

from cxsdk import (
    Delivery,
    DeliveryState,
    Direction,
    InteractionFact,
    Invitation,
    Kind,
    LogEntry,
    Message,
    Response,
    Secret,
)
from cxsdk.testing import NOW, opened, read, receive, send
from tests.typing.sample_crm import SampleCRM
from tests.typing.sample_forms import SampleForms
from tests.typing.sample_sms import SampleSMS

KEY = "sample-key"


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Secret:
    monkeypatch.setenv("SAMPLE_KEY", KEY)
    return Secret.env("SAMPLE_KEY")


@responses.activate
def test_the_sample_crm_writes_an_entry_under_our_key(secret: Secret) -> None:
    post = responses.post("https://acme.sample.example/v1/notes", json={"id": "n1"})
    entry = LogEntry(key="k1", person_id="c1", kind=Kind.CALL, direction=Direction.INBOUND, at=NOW, text="Hello")

    with opened(SampleCRM(workspace="acme", api_key=secret)) as crm:
        receipts = send(crm, [entry]).receipts

    assert [receipt.id for receipt in receipts] == ["n1"]
    request = post.calls[0].request
    assert json.loads(request.body)["reference"] == "k1"
    assert request.headers["Authorization"] == f"Bearer {KEY}"


@responses.activate
def test_the_sample_crm_reads_its_tasks_from_the_cursor_on(secret: Secret) -> None:
    todo = {"id": "t1", "version": 7, "finished": True, "touched": "2026-01-05T11:00:00Z"}
    url = "https://acme.sample.example/v1/todos"
    responses.get(url, json=[todo], match=[responses.matchers.query_param_matcher({"since": "3", "limit": "50"})])
    responses.get(url, json=[], match=[responses.matchers.query_param_matcher({"since": "7", "limit": "50"})])

    with opened(SampleCRM(workspace="acme", api_key=secret)) as crm:
        (page,) = read(crm, "todos", "3")
        (change,) = crm.parse(page.items[0])

    assert page.cursor == "7"
    assert (change.task_id, change.done) == ("t1", True)


@responses.activate
def test_the_sample_channel_sends_and_shows_no_secret(secret: Secret) -> None:
    responses.post("https://sms.sample.example/v1/texts", json={"id": "s1"})

    with opened(SampleSMS(api_key=secret, webhook_key=secret)) as channel:
        (receipt,) = send(channel, [Message(key="k1", to="+12125550123", text="Thank you")]).receipts

    assert receipt.id == "s1"
    assert KEY not in repr(channel)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"event": "text", "id": "e1", "number": "+12125550123", "body": "Hello"}, InteractionFact),
        ({"event": "status", "id": "s1", "status": "delivered"}, Delivery),
    ],
)
def test_the_sample_channel_understands_what_it_has_verified(event: dict[str, str], kind: type, secret: Secret) -> None:
    body = json.dumps(event | {"time": "2026-01-05T11:59:00Z"}).encode()
    stamp = str(int(NOW.timestamp()))
    signature = hmac.digest(KEY.encode(), stamp.encode() + b"." + body, "sha256").hex()
    headers = {"Sample-Signature": signature, "Sample-Time": stamp}

    (fact,) = receive(SampleSMS(api_key=secret, webhook_key=secret), headers=headers, body=body)

    assert type(fact) is kind
    assert getattr(fact, "state", None) in (None, DeliveryState.DELIVERED)


def test_the_sample_survey_provider_gets_the_invitation_back_with_the_answer(secret: Secret) -> None:
    provider = SampleForms(forms={"loyalty": "f7"}, webhook_token=secret)
    invitation = Invitation(key="k1", token="tok", survey="loyalty", expires_at=NOW + timedelta(days=7))
    body = json.dumps({"id": "r1", "sent": "2026-01-05T12:00:00Z", "who": "tok", "grade": 9, "words": "Good"}).encode()

    (response,) = receive(provider, headers={"Sample-Token": KEY}, body=body)

    assert isinstance(response, Response)
    assert provider.link(invitation).endswith("/f7?lang=en&who=tok")
    assert (response.invitation, response.answers["score"]) == ("tok", 9)
    assert response.at == datetime(2026, 1, 5, 12, tzinfo=UTC)
