"""Every documented error of HubSpot, and what its answers tell of limits."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from cxsdk import (
    AuthenticationError,
    CxsdkError,
    OutcomeUnknown,
    Person,
    RateLimited,
    Rejected,
    Transient,
    Unsupported,
    Usage,
    email,
)
from cxsdk.testing import Answer
from cxsdk_hubspot import HubSpot
from tests.plugins.hubspot.conftest import hubspot
from tests.plugins.hubspot.fake import TOKEN, FakeHubSpot, failure, limited

ANN = Person(key="p1", name="Ann", identities=(email("ann@example.com"),))


def failing(crm: HubSpot, account: FakeHubSpot, answer: Answer) -> CxsdkError:
    crm.setup()
    account.play(answer, times=3)  # what lasts a moment is waited for within the call
    with pytest.raises(CxsdkError) as caught:
        list(crm.create_people([ANN]))
    return caught.value


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, Rejected),
        (405, Unsupported),
        (409, Rejected),
        (413, Rejected),
        (414, Rejected),
        (415, Rejected),
        (423, RateLimited),
        (429, RateLimited),
        (477, RateLimited),
        (500, OutcomeUnknown),
        (502, OutcomeUnknown),
        (503, OutcomeUnknown),
        (504, OutcomeUnknown),
        (521, OutcomeUnknown),
        (522, OutcomeUnknown),
        (523, OutcomeUnknown),
        (524, OutcomeUnknown),
        (525, OutcomeUnknown),
        (526, OutcomeUnknown),
    ],
)
def test_an_error_means_what_it_says(crm: HubSpot, account: FakeHubSpot, status: int, error: type[CxsdkError]) -> None:
    failed = failing(crm, account, failure(status, "SOME_CATEGORY", "It did not work"))
    assert type(failed) is error
    assert getattr(failed, "status", None) == status
    assert "It did not work" in str(failed)


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (limited("SECONDLY", 1), 1),
        (limited("TEN_SECONDLY_ROLLING", 10), 10),
        (limited("DAILY", 3600), 3600),
        (limited("OF_NEXT_YEAR", 10), 10),
        (Answer(429, [1]), 10),
        (Answer(429, body=b"<html>"), 10),
        (Answer(429, limited("DAILY", 0).json, {"Retry-After": "7"}), 7),
        (Answer(423), 2),
        (Answer(477, None, {"Retry-After": "86400"}), 86400),
        (Answer(477), 3600),
        (Answer(477, None, {"Retry-After": "soon"}), 3600),
    ],
)
def test_a_limit_says_how_long_it_lasts(crm: HubSpot, account: FakeHubSpot, answer: Answer, wait: float) -> None:
    failed = failing(crm, account, answer)
    assert isinstance(failed, RateLimited)
    assert failed.retry_after == wait


def test_the_policy_of_a_limit_is_told(crm: HubSpot, account: FakeHubSpot) -> None:
    failed = failing(crm, account, limited("DAILY", 3600))
    assert getattr(failed, "provider_code", None) == "DAILY"


@pytest.mark.parametrize(
    "message",
    [
        "Unable to perform update/upsert by non-unique 0-1 property cxsdk_key in portal ID 1",
        'Property values were not valid: [{"message":"Property \\"cxsdk_key\\" does not exist"}]',
        'Property values were not valid: [{"error":"PROPERTY_DOESNT_EXIST","name":"cxsdk_key"}]',
    ],
)
def test_a_property_that_is_gone_stops_the_account(crm: HubSpot, account: FakeHubSpot, message: str) -> None:
    failed = failing(crm, account, failure(400, "VALIDATION_ERROR", message))
    assert (type(failed), failed.code) == (AuthenticationError, "hubspot_property_unusable")


def test_another_property_that_is_gone_refuses_the_record(crm: HubSpot, account: FakeHubSpot) -> None:
    failed = failing(crm, account, failure(400, "VALIDATION_ERROR", 'Property "colour" does not exist'))
    assert type(failed) is Rejected


def test_a_read_that_failed_did_not_happen(crm: HubSpot, account: FakeHubSpot) -> None:
    account.play(Answer(502), times=9)
    with pytest.raises(Transient):
        list(crm.find_people([ANN]))


def test_no_error_shows_the_token(crm: HubSpot, account: FakeHubSpot) -> None:
    assert TOKEN not in str(failing(crm, account, failure(400, "X", f"token {TOKEN} is held")))


def told(headers: dict[str, str]) -> list[Usage]:
    response = requests.Response()
    response.headers.update(headers)
    return list(hubspot().usage(response))


def test_answers_tell_what_is_left_of_both_windows() -> None:
    headers = {
        "X-HubSpot-RateLimit-Daily": "650000",
        "X-HubSpot-RateLimit-Daily-Remaining": "649124",
        "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        "X-HubSpot-RateLimit-Max": "190",
        "X-HubSpot-RateLimit-Remaining": "188",
    }
    ten, day = told(headers)
    assert (ten.limit, ten.amount, ten.remaining) == ("10 seconds", 190, 188)
    assert (day.limit, day.amount, day.remaining) == ("1 day", 650000, 649124)
    assert [limit.name for limit in hubspot().limits] == [ten.limit, day.limit]


@pytest.mark.parametrize("headers", [{}, {"X-HubSpot-RateLimit-Remaining": "many"}, {"X-HubSpot-RateLimit-Max": "1"}])
def test_answers_that_tell_nothing_say_nothing(headers: dict[str, Any]) -> None:
    assert told(headers) == []
