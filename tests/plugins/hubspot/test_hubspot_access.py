"""The two ways into HubSpot, what an app must be allowed to do, and what a check tells of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cxsdk import AuthenticationError, ConfigurationError, Person, RateLimited, Secret, email
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, Answer, opened
from cxsdk_hubspot import HubSpot
from tests.plugins.hubspot.conftest import by_oauth, hubspot
from tests.plugins.hubspot.fake import (
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    TOKEN,
    FakeHubSpot,
    limited,
    refused_token,
    ungranted,
)

ANN = Person(key="p1", name="Ann", identities=(email("ann@example.com"),))
SECRET = {"client_secret": Secret(CLIENT_SECRET)}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "either access_token"),
        (SECRET, "either access_token"),
        ({"access_token": Secret(TOKEN), "client_id": CLIENT_ID, **SECRET}, "either access_token"),
        ({"client_id": CLIENT_ID}, "client_id needs client_secret"),
        ({"client_id": "", **SECRET}, "HubSpot.client_id"),
        ({"access_token": Secret(TOKEN), "scopes": ("oauth",)}, "chosen in HubSpot"),
    ],
)
def test_there_is_one_way_in(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        HubSpot(**settings)
    assert says in str(caught.value)
    assert CLIENT_SECRET not in str(caught.value)


# -- over OAuth


def test_requests_bear_what_was_granted(account: FakeHubSpot) -> None:
    account.access = {"sample-access-token"}
    with opened(by_oauth()) as crm:
        assert list(crm.find_people([ANN])) == [None]
    assert "/oauth/v3/token" not in account.asked()


def test_a_token_is_renewed_with_the_refresh_token_that_stays(account: FakeHubSpot) -> None:
    account.is_connected = True
    clock = ManualClock(NOW)
    with opened(by_oauth(), clock=clock) as crm:
        account.play(refused_token("invalid_grant", "BAD_REFRESH_TOKEN"))
        clock.advance(timedelta(hours=2))
        with pytest.raises(AuthenticationError) as caught:
            list(crm.find_people([ANN]))
    assert caught.value.code == "reconnect_needed"
    [asked] = account.requests
    assert asked.form == {
        "grant_type": "refresh_token",
        "refresh_token": "sample-refresh-token",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refused_token("invalid_grant", "BAD_REFRESH_TOKEN"), "reconnect_needed"),
        (
            Answer(400, {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}),
            "reconnect_needed",
        ),
        (refused_token("invalid_client", "BAD_CLIENT_ID"), "oauth_refused"),
        (Answer(401, {"status": "BAD_CLIENT_SECRET", "message": "missing or invalid client secret"}), "oauth_refused"),
    ],
)
def test_what_ends_the_access_and_what_is_wrong_with_the_app_are_told_apart(
    account: FakeHubSpot, answer: Answer, code: str
) -> None:
    clock = ManualClock(NOW)
    with opened(by_oauth(), clock=clock) as crm:
        clock.advance(timedelta(hours=2))
        account.play(answer)
        with pytest.raises(AuthenticationError) as caught:
            list(crm.find_people([ANN]))
    assert caught.value.code == code


def test_a_limit_of_the_token_endpoint_is_waited_for(account: FakeHubSpot) -> None:
    clock = ManualClock(NOW)
    with opened(by_oauth(), clock=clock) as crm:
        clock.advance(timedelta(hours=2))
        account.play(limited("TEN_SECONDLY_ROLLING", 10), times=3)
        with pytest.raises(RateLimited) as caught:
            list(crm.find_people([ANN]))
    assert caught.value.retry_after == 10


# -- what a check tells


def test_a_check_reads_and_changes_nothing(crm: HubSpot, account: FakeHubSpot) -> None:
    assert crm.check() == "account 62515"
    account.unique.clear()
    assert crm.check() == (
        "account 62515; cxsdk_key is made with the first of contacts, calls, emails, communications, notes, tasks"
    )
    written = [request for request in account.requests if request.method != "GET"]
    assert {request.path for request in written} == {"/oauth/v2/private-apps/get/access-token-info"}
    assert not account.unique


@pytest.mark.parametrize(
    "scope", ["crm.objects.contacts.read", "crm.objects.owners.read", "crm.schemas.contacts.write"]
)
def test_a_scope_that_is_missing_is_named(crm: HubSpot, account: FakeHubSpot, scope: str) -> None:
    account.scopes.remove(scope)
    with pytest.raises(AuthenticationError, match=scope) as caught:
        crm.check()
    assert caught.value.code == "hubspot_scope_missing"


def test_what_is_not_used_need_not_be_allowed(account: FakeHubSpot) -> None:
    account.scopes.remove("crm.objects.deals.read")
    with opened(hubspot(stages={})) as crm:
        assert crm.check() == "account 62515"
    with opened(hubspot()) as crm, pytest.raises(AuthenticationError, match=r"crm\.objects\.deals\.read"):
        crm.check()


def test_a_sort_of_token_of_which_hubspot_tells_nothing_is_checked_by_reading(
    crm: HubSpot, account: FakeHubSpot
) -> None:
    account.always["/oauth/v2/private-apps/get/access-token-info"] = Answer(404, {"message": "not found"})
    assert crm.check() == "reached"


def test_a_property_that_is_not_unique_is_told(crm: HubSpot, account: FakeHubSpot) -> None:
    account.unique["notes"] = False
    with pytest.raises(AuthenticationError) as caught:
        crm.check()
    assert caught.value.code == "hubspot_property_unusable"


def test_a_wrong_token_is_told(account: FakeHubSpot) -> None:
    with opened(hubspot(access_token=Secret("pat-na1-another"))) as crm, pytest.raises(AuthenticationError) as caught:
        crm.check()
    assert caught.value.status == 401
    assert "pat-na1-another" not in str(caught.value)


def test_over_oauth_what_was_granted_is_checked(account: FakeHubSpot) -> None:
    account.access = {"sample-access-token"}
    granted = {"hub_id": 62515, "scopes": ["oauth", *account.scopes]}
    with opened(by_oauth(), granted=granted) as crm:
        assert crm.check() == "account 62515"
    with opened(by_oauth(), granted={**granted, "scopes": ["oauth"]}) as crm, pytest.raises(AuthenticationError):
        crm.check()


@pytest.mark.parametrize("named", ["requiredGranularScopes", "requiredScopes", "missingScopes"])
def test_whatever_is_asked_a_missing_scope_is_named(crm: HubSpot, account: FakeHubSpot, named: str) -> None:
    account.play(ungranted("sales-email-read", named))
    with pytest.raises(AuthenticationError, match="without the scope sales-email-read") as caught:
        list(crm.find_people([ANN]))
    assert (caught.value.code, caught.value.status) == ("hubspot_scope_missing", 403)


def test_the_refresh_token_is_hidden(account: FakeHubSpot) -> None:
    assert REFRESH_TOKEN not in repr(by_oauth())
    assert CLIENT_SECRET not in repr(by_oauth())
