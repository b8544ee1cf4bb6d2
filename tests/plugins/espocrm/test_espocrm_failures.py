"""Every documented error of EspoCRM, and what it means."""

from __future__ import annotations

from typing import Any

import pytest

from cxsdk import AuthenticationError, CxsdkError, OutcomeUnknown, Person, RateLimited, Rejected, Transient, email
from cxsdk.testing import Answer
from cxsdk_espocrm import EspoCRM
from tests.plugins.espocrm.fake import TOO_MANY_LOGINS, FakeEspoCRM, failure

ANN = Person(key="p1", name="Ann", identities=(email("ann@example.com"),))
REQUIRED = {"messageTranslation": {"label": "validationFailure", "data": {"field": "assignedUser", "type": "required"}}}


def failing(crm: EspoCRM, site: FakeEspoCRM, status: int, reason: str, body: Any = None) -> CxsdkError:
    return playing(crm, site, failure(status, reason, body))


def playing(crm: EspoCRM, site: FakeEspoCRM, answer: Answer) -> CxsdkError:
    list(crm.create_people([ANN]))  # the field for the key has been looked at
    site.play(answer)
    with pytest.raises(CxsdkError) as caught:
        list(crm.create_people([ANN]))
    return caught.value


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (400, "", Rejected),
        (400, "validationFailure", Rejected),
        (401, "", AuthenticationError),
        (403, "", AuthenticationError),
        (403, "No create access.", AuthenticationError),
        (403, "Not allowed IP address 192.0.2.1, user: cxsdk.", AuthenticationError),
        (403, "No edit access.", Rejected),
        (403, "No 'read' access.", Rejected),
        (403, "Not allowed 'from' address.", Rejected),
        (403, "Assignment failure: assigned user or team not allowed.", Rejected),
        (404, "Record 64a1 not found.", Rejected),
        (409, "duplicate", Rejected),
        (429, "", RateLimited),
        (500, "Error", OutcomeUnknown),
        (502, "", OutcomeUnknown),
        (503, "Application is in maintenance mode.", Transient),
        (503, "", OutcomeUnknown),
    ],
)
def test_an_error_means_what_it_says(
    crm: EspoCRM, site: FakeEspoCRM, status: int, reason: str, error: type[CxsdkError]
) -> None:
    failed = failing(crm, site, status, reason)
    assert type(failed) is error
    assert getattr(failed, "status", None) == status


def test_the_reason_and_the_field_are_told(crm: EspoCRM, site: FakeEspoCRM) -> None:
    failed = failing(crm, site, 400, "validationFailure", REQUIRED)
    assert "validationFailure field assignedUser, type required" in str(failed)
    assert getattr(failed, "provider_code", None) == "validationFailure"


def test_a_message_of_the_site_is_told(crm: EspoCRM, site: FakeEspoCRM) -> None:
    assert "Only on Mondays" in str(failing(crm, site, 409, "conflict", {"message": "Only on Mondays"}))


@pytest.mark.parametrize("body", [[1], "text", 7, {"messageTranslation": []}, {"messageTranslation": {"data": 1}}])
def test_a_body_of_another_shape_is_no_obstacle(crm: EspoCRM, site: FakeEspoCRM, body: Any) -> None:
    assert isinstance(failing(crm, site, 409, "duplicate", body), Rejected)


def test_too_many_failed_logins_are_waited_for(crm: EspoCRM, site: FakeEspoCRM) -> None:
    failed = failing(crm, site, 403, TOO_MANY_LOGINS)
    assert isinstance(failed, RateLimited)
    assert failed.retry_after == 60


def test_a_limit_of_a_proxy_says_how_long(crm: EspoCRM, site: FakeEspoCRM) -> None:
    failed = playing(crm, site, Answer(429, headers={"Retry-After": "7"}))
    assert isinstance(failed, RateLimited)
    assert failed.retry_after == 7


def test_a_field_that_may_not_be_searched_stops_the_account(crm: EspoCRM, site: FakeEspoCRM) -> None:
    site.fail(400, "Forbidden attribute 'cCxsdkKey' in where.")
    with pytest.raises(AuthenticationError) as caught:
        list(crm.find_written(["p1"]))
    assert caught.value.code == "espocrm_field_missing"


def test_a_read_that_failed_did_not_happen(crm: EspoCRM, site: FakeEspoCRM) -> None:
    site.fail(500, times=9)
    with pytest.raises(Transient):
        list(crm.find_people([ANN]))


def test_no_error_shows_the_key(crm: EspoCRM, site: FakeEspoCRM) -> None:
    assert "sample-api-key" not in str(failing(crm, site, 409, "key sample-api-key is held"))
