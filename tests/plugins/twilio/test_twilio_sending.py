"""Messages on their way to customers, and what Twilio says to them."""

from __future__ import annotations

import base64
from traceback import format_exception
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
import responses

from cxsdk import (
    AuthenticationError,
    ConfigurationError,
    CxsdkError,
    Message,
    RateLimited,
    Receipt,
    Secret,
    Transient,
)  # fmt: skip
from cxsdk.domain.outward import Outcome
from cxsdk.testing import opened, send
from cxsdk_twilio import Twilio, TwilioVoice
from tests.plugins.twilio.conftest import Specification
from tests.plugins.twilio.samples import (
    ACCOUNT,
    API,
    CUSTOMER,
    LINE,
    MEDIA_TEXT,
    TEXT,
    TOKEN,
    URL,
    made,
    refusal,
    twilio,
)  # fmt: skip

MESSAGES = f"{API}/Messages.json"
SERVICE = "MG" + "b2" * 16
KEY = "SK" + "c3" * 16


def message(text: str = "Thank you", **fields: Any) -> Message:
    return Message(**{"key": "m-1", "to": CUSTOMER, "text": text, **fields})


def form(call: responses.Call) -> dict[str, str]:
    return dict(parse_qsl(str(call.request.body), keep_blank_values=True))


def sent(api: responses.RequestsMock, **settings: Any) -> responses.Call:
    api.post(MESSAGES, json=made(), status=201)
    with opened(twilio(**settings)) as channel:
        assert send(channel, [message()]).receipts == [Receipt.accepted(TEXT)]
    return api.calls[0]


# -- the request


def test_a_message_goes_to_twilio_and_its_receipt_names_it(api: responses.RequestsMock) -> None:
    call = sent(api)
    assert form(call) == {"To": CUSTOMER, "From": LINE, "Body": "Thank you", "StatusCallback": URL}


def test_a_messaging_service_chooses_the_number(api: responses.RequestsMock) -> None:
    told = form(sent(api, sender=SERVICE))
    assert (told["MessagingServiceSid"], "From" in told) == (SERVICE, False)


def test_the_auth_token_opens_the_api(api: responses.RequestsMock) -> None:
    assert credentials(sent(api)) == f"{ACCOUNT}:{TOKEN}"


def test_an_api_key_opens_it_in_its_place(api: responses.RequestsMock) -> None:
    assert credentials(sent(api, api_key=KEY, api_secret=Secret("key-secret"))) == f"{KEY}:key-secret"


def credentials(call: responses.Call) -> str:
    return base64.b64decode(call.request.headers["Authorization"].removeprefix("Basic ")).decode()


def test_other_alphabets_arrive(api: responses.RequestsMock, channel: Twilio) -> None:
    api.post(MESSAGES, json=made(), status=201)
    send(channel, [message("Дякуємо & до зустрічі 😀 +1")])
    assert form(api.calls[0])["Body"] == "Дякуємо & до зустрічі 😀 +1"


def test_twilios_own_library_asks_the_same(api: responses.RequestsMock) -> None:
    from twilio.rest import Client

    ours = sent(api)
    client = Client(ACCOUNT, TOKEN)
    client.messages.create(to=CUSTOMER, from_=LINE, body="Thank you", status_callback=URL)
    client.http_client.session.close()
    theirs = api.calls[1]
    assert (ours.request.method, ours.request.url) == (theirs.request.method, theirs.request.url)
    assert form(ours) == form(theirs)
    for header in ("Authorization", "Content-Type"):
        assert ours.request.headers[header] == theirs.request.headers[header]


def test_the_check_against_the_specification_can_fail(specification: Specification) -> None:
    asked = requests.Request("POST", MESSAGES, data={"From": LINE, "Text": "?", "ApplicationSid": "AP1"}).prepare()
    assert len(specification.problems_of_request(asked)) == 4  # To, Text, and the SID's length and pattern
    answer = requests.Response()
    answer.status_code, answer.request = 201, asked
    answer._content = b'{"sid": 1, "status": "lost", "colour": "red"}'
    assert len(specification.problems_of_answer(answer)) == 3


# -- what Twilio says to it


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (21211, "Invalid 'To' Phone Number"),
        (21614, "'To' number is not a valid mobile number"),
        (21408, "Permission to send an SMS has not been enabled for the region"),
        (21606, "The 'From' phone number is not a valid, message-capable number for this destination"),
        (21617, "The concatenated message body exceeds the 1600 character limit"),
    ],
)
def test_what_twilio_refuses_is_given_up_with_its_words_and_the_rest_goes_on(
    api: responses.RequestsMock, channel: Twilio, code: int, said: str
) -> None:
    api.post(MESSAGES, json=refusal(code, message=said), status=400)
    api.post(MESSAGES, json=made(sid=MEDIA_TEXT), status=201)
    refused, accepted = send(channel, [message(), message(key="m-2")]).receipts
    assert refused.outcome is Outcome.REJECTED
    assert said in refused.reason
    assert str(code) in refused.reason
    assert accepted == Receipt.accepted(MEDIA_TEXT)


def test_who_wrote_stop_to_the_sender_has_opted_out(api: responses.RequestsMock, channel: Twilio) -> None:
    said = "Attempt to send to unsubscribed recipient"
    api.post(MESSAGES, json=refusal(21610, message=said), status=400)
    [receipt] = send(channel, [message()]).receipts
    assert receipt.outcome is Outcome.OPTED_OUT
    assert said in receipt.reason


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, 20003), (403, 20005), (403, 20006), (404, 20404), (400, 21212), (400, 21609), (400, 21703)],
)
def test_what_is_wrong_with_the_account_gives_no_message_up(
    api: responses.RequestsMock, channel: Twilio, status: int, code: int
) -> None:
    api.post(MESSAGES, json=refusal(code, status), status=status)
    with pytest.raises(AuthenticationError) as error:
        send(channel, [message(), message(key="m-2")])
    assert (error.value.status, error.value.provider_code) == (status, str(code))
    assert len(api.calls) == 1


@pytest.mark.parametrize(
    ("status", "code", "headers", "wait"),
    [
        (429, 20429, {}, 1.0),
        (429, 20429, {"Retry-After": "7"}, 7.0),
        (429, 63038, {}, 3600.0),
        (400, 21611, {}, 600.0),
        (400, 60728, {"Retry-After": "soon"}, 600.0),
    ],
)
def test_a_limit_is_one_whatever_its_status(
    api: responses.RequestsMock, channel: Twilio, status: int, code: int, headers: dict[str, str], wait: float
) -> None:
    api.post(MESSAGES, json=refusal(code, status), status=status, headers=headers)
    with pytest.raises(RateLimited) as error:
        send(channel, [message()])
    assert error.value.retry_after == wait


def test_a_limit_without_a_code_is_one_too(api: responses.RequestsMock, channel: Twilio) -> None:
    api.post(MESSAGES, body="Too many", status=429, headers={"Retry-After": "3"})
    with pytest.raises(RateLimited) as error:
        send(channel, [message()])
    assert error.value.retry_after == 3


def test_what_did_not_reach_twilio_is_tried_again_later(api: responses.RequestsMock, channel: Twilio) -> None:
    api.post(MESSAGES, json=refusal(20503, 503), status=503, headers={"Retry-After": "5"})
    with pytest.raises(Transient):
        send(channel, [message()])


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "json": refusal(20500, 500)},
        {"status": 502, "body": "<html>"},
        {"status": 201, "body": "<html>"},
        {"status": 201, "json": {}},
        {"status": 201, "json": []},
        {"body": requests.ReadTimeout()},
    ],
    ids=["500", "a proxy's page", "no JSON", "no id", "no object", "no answer"],
)
def test_a_message_that_may_have_gone_out_is_in_doubt_and_alone(answer: dict[str, Any]) -> None:
    with responses.RequestsMock() as api, opened(twilio()) as channel:
        api.post(MESSAGES, **answer)
        api.post(MESSAGES, json=made(), status=201)
        doubtful, accepted = send(channel, [message(), message(key="m-2")]).receipts
    assert doubtful.outcome is Outcome.UNKNOWN
    assert accepted == Receipt.accepted(TEXT)


def test_a_message_that_twilio_gave_up_at_once_is_not_sent(api: responses.RequestsMock, channel: Twilio) -> None:
    api.post(MESSAGES, json=made("failed", error_code=30002), status=201)
    [receipt] = send(channel, [message()]).receipts
    assert (receipt.outcome, "30002" in receipt.reason) == (Outcome.REJECTED, True)


def test_no_error_shows_a_secret(api: responses.RequestsMock) -> None:
    secret = "sample-" + "secret"
    api.post(MESSAGES, json=refusal(20003, 401, f"bad token {secret}"), status=401)
    channel = twilio(api_key=KEY, api_secret=Secret(secret))
    with opened(channel), pytest.raises(CxsdkError) as error:
        send(channel, [message()])
    assert secret not in "".join(format_exception(error.value)) + repr(channel)


# -- settings


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"account_sid": "12345"}, "Twilio.account_sid"),
        ({"sender": ""}, "Twilio.sender"),
        ({"api_key": KEY}, "Twilio"),
        ({"api_secret": Secret("x")}, "Twilio"),
        ({"api_key": "AC1", "api_secret": Secret("x")}, "Twilio.api_key"),
        ({"own_numbers": ["1"]}, "Twilio.own_numbers"),
        ({"answered_by": "nobody"}, "Twilio.answered_by"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        twilio(**settings)
    assert error.value.path == path


def test_an_account_for_calls_alone_sends_nothing() -> None:
    voice = TwilioVoice(account_sid=ACCOUNT, auth_token=Secret(TOKEN))
    assert voice.reaches is None
    assert not voice.supports("send")
    assert (voice.name, twilio().reaches) == ("twiliovoice", "phone")
