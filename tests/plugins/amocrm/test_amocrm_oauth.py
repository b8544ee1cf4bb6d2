"""An account that is connected by OAuth: where it lives, and refresh tokens that are good once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from cxsdk import AuthenticationError, OAuth, Secret
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, opened
from cxsdk_amocrm import AmoCRM

GRANTED = {"referer": "example.kommo.com", "platform": "2"}
TOKENS = "https://example.kommo.com/oauth2/access_token"
ACCOUNT = "https://example.kommo.com/api/v4/account"


def connected(**settings: Any) -> AmoCRM:
    return AmoCRM(client_id="sample-id", client_secret=Secret("sample-secret"), site="kommo.com", **settings)


@pytest.fixture
def provider() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        mock.get(ACCOUNT, json={"name": "Sample", "subdomain": "example"})
        yield mock


def test_the_account_is_where_it_said_when_it_was_connected(provider: responses.RequestsMock) -> None:
    with opened(connected(), granted=GRANTED) as crm:
        assert crm.check() == "Sample (example)"
    assert provider.calls[0].request.headers["Authorization"] == "Bearer sample-access-token"


def test_each_refresh_token_is_used_once(provider: responses.RequestsMock) -> None:
    for number in (1, 2):
        new = {"token_type": "Bearer", "expires_in": 86400, "access_token": f"a{number}", "refresh_token": f"r{number}"}
        provider.post(TOKENS, json=new)
    clock = ManualClock(NOW)
    with opened(connected(), clock=clock, granted=GRANTED) as crm:
        for _ in range(2):
            clock.advance(timedelta(days=2))
            crm.check()
    asked = [json.loads(call.request.body or "") for call in provider.calls if call.request.url == TOKENS]
    assert [each["refresh_token"] for each in asked] == ["sample-refresh-token", "r1"]
    assert {each["grant_type"] for each in asked} == {"refresh_token"}
    assert provider.calls[-1].request.headers["Authorization"] == "Bearer a2"


@pytest.mark.parametrize("hint", ["Token has been revoked", "Cannot decrypt the refresh token"])
def test_a_refresh_token_that_is_good_no_more_asks_for_a_new_connection(hint: str) -> None:
    refused = {"hint": hint, "title": "Bad request", "status": 401, "detail": "Parameters are missing or not valid"}
    clock = ManualClock(NOW)
    with responses.RequestsMock() as provider, opened(connected(), clock=clock, granted=GRANTED) as crm:
        provider.post(TOKENS, json=refused, status=401)
        clock.advance(timedelta(days=2))
        with pytest.raises(AuthenticationError) as caught:
            crm.check()
    assert caught.value.code == "reconnect_needed"


def test_a_person_is_asked_in_the_browser_that_comes_back() -> None:
    asked: list[OAuth] = []

    class Context:
        clock, log, webhook_url = ManualClock(NOW), None, ""

        def http(self, url: str, *, oauth: OAuth) -> None:
            assert url == "https://{referer}/api/v4"
            asked.append(oauth)

    connected().open(Context())  # type: ignore[arg-type]
    address = urlsplit(asked[0].authorize_at("https://cx.example.com/back", "state", "verifier"))
    query = parse_qs(address.query)
    assert (address.netloc, address.path) == ("www.kommo.com", "/oauth")
    assert (query["client_id"], query["mode"], query["state"]) == (["sample-id"], ["post_message"], ["state"])


def test_secrets_go_to_amocrm_alone() -> None:
    with opened(connected(), granted={"referer": "example.com"}) as crm, pytest.raises(AuthenticationError) as caught:
        crm.check()
    assert caught.value.code == "oauth_host_unknown"
