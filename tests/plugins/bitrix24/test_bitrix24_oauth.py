"""An account that is connected by OAuth: where its requests go, how they are proven, and how tokens are renewed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from cxsdk import AuthenticationError, Secret
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, Answer, SentRequest, opened
from cxsdk_bitrix24 import Bitrix24
from tests.plugins.bitrix24.fake import PORTAL, FakeBitrix24

GRANTED = {"client_endpoint": f"https://{PORTAL}/rest/", "member_id": "a223c6b3710f85df22e9377d6c4f7553"}


class Connected(FakeBitrix24):
    """A portal that believes access tokens, and the server that gives them."""

    def __init__(self) -> None:
        super().__init__()
        self.auth = "sample-access-token"

    def answer(self, request: SentRequest) -> Answer:
        if not request.url.startswith("https://oauth.bitrix24.tech/"):
            return super().answer(request)
        assert request.query["grant_type"] == ["refresh_token"]
        self.auth = "another-access-token"
        told = {**GRANTED, "domain": "oauth.bitrix24.tech", "scope": "crm,user", "status": "L", "expires_in": 3600}
        return Answer(json={**told, "access_token": self.auth, "refresh_token": "another-refresh-token"})


@pytest.fixture
def portal() -> Iterator[Connected]:
    fake = Connected()
    fake.start()
    yield fake
    fake.stop()


def application(portal: str = PORTAL, **settings: Any) -> Bitrix24:
    return Bitrix24(portal=portal, client_id="app.1", client_secret=Secret("sample-client-secret"), **settings)


def test_requests_go_to_the_portal_with_the_token_among_their_parameters(portal: Connected) -> None:
    with opened(application(), granted=GRANTED) as crm:
        assert crm.check() == "user 1 Ann Sample"
        [agent] = crm.agents()
    assert agent.id == "1"
    assert [each.url for each in portal.requests] == [
        f"https://{PORTAL}/rest/batch",
        f"https://{PORTAL}/rest/user.get",
    ]
    assert all(each.json["auth"] == "sample-access-token" for each in portal.requests)
    assert not any("Authorization" in each.headers for each in portal.requests)


def test_a_token_is_renewed_before_it_ends(portal: Connected) -> None:
    clock = ManualClock(NOW)
    with opened(application(), clock=clock, granted=GRANTED) as crm:
        crm.check()
        clock.advance(timedelta(minutes=59))
        assert crm.check() == "user 1 Ann Sample"
    renewal = portal.requests[1]
    assert (renewal.method, renewal.path) == ("GET", "/oauth/token/")
    assert (renewal.query["client_id"], renewal.query["client_secret"]) == (["app.1"], ["sample-client-secret"])


def test_the_token_goes_to_no_other_host(portal: Connected) -> None:
    with (
        opened(application("other.bitrix24.com"), granted=GRANTED) as crm,
        pytest.raises(AuthenticationError) as caught,
    ):
        crm.check()
    assert caught.value.code == "oauth_host_unknown"
    assert portal.requests == []


def test_a_person_agrees_at_the_portal() -> None:
    asked = application()._oauth().authorize_at("http://localhost:8765/callback", "sample-state", "verifier")
    assert asked.startswith(f"https://{PORTAL}/oauth/authorize/?")
    assert "client_id=app.1" in asked
    assert "state=sample-state" in asked
