"""What a check of Twilio tells: the account, and whether the sender can send."""

from __future__ import annotations

from typing import Any

import pytest
import responses

from cxsdk import AuthenticationError, ConfigurationError
from cxsdk.testing import opened
from cxsdk_twilio import Twilio, TwilioVoice
from tests.plugins.twilio.samples import ACCOUNT, API, LINE, twilio


def has_calls(api: responses.RequestsMock) -> None:
    api.get(f"{API}/Calls.json", json={"calls": [], "page": 0, "page_size": 1})


def has_number(api: responses.RequestsMock, *numbers: dict[str, Any]) -> None:
    api.get(f"{API}/IncomingPhoneNumbers.json", json={"incoming_phone_numbers": list(numbers), "page_size": 1})


def number(**able: bool) -> dict[str, Any]:
    return {"phone_number": LINE, "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False} | able}


def test_a_check_reads_the_account_and_its_sender(api: responses.RequestsMock, channel: Twilio) -> None:
    has_number(api, number())
    has_calls(api)
    assert channel.check() == f"account {ACCOUNT}, {LINE} sends"
    assert {call.request.method for call in api.calls} == {"GET"}


@pytest.mark.parametrize(
    ("numbers", "says"), [([], "is no number of the account"), ([number(sms=False)], "takes no messages")]
)
def test_a_sender_that_cannot_send_is_told(
    api: responses.RequestsMock, channel: Twilio, numbers: list[dict[str, Any]], says: str
) -> None:
    has_number(api, *numbers)
    with pytest.raises(ConfigurationError, match=says) as caught:
        channel.check()
    assert caught.value.path == "Twilio.sender"


@pytest.mark.parametrize("sender", ["MG" + "a1" * 16, "Sample", "12345"])
def test_a_service_a_name_and_a_short_code_stand_in_no_list_of_numbers(
    api: responses.RequestsMock, sender: str
) -> None:
    has_calls(api)
    with opened(twilio(sender=sender)) as channel:
        assert channel.check() == f"account {ACCOUNT}, {sender} sends"


def test_calls_alone_need_no_sender(api: responses.RequestsMock) -> None:
    has_calls(api)
    with opened(TwilioVoice(account_sid=ACCOUNT, auth_token=twilio().auth_token)) as channel:
        assert channel.check() == f"account {ACCOUNT}"


@pytest.mark.parametrize(("code", "cure"), [(20003, "Compare account_sid"), (20005, "is not active")])
def test_what_is_wrong_with_the_account_is_told(api: responses.RequestsMock, code: int, cure: str) -> None:
    api.get(f"{API}/Calls.json", json={"code": code, "message": "No", "status": 401}, status=401)
    voice = TwilioVoice(account_sid=ACCOUNT, auth_token=twilio().auth_token)
    with opened(voice) as channel, pytest.raises(AuthenticationError, match=cure):
        channel.check()
