"""A session whose requests always bear a good token, by whatever a provider does."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
import responses
from pydantic import Field

from cxsdk import AuthenticationError, Channel, ConfigurationError, Context, Http, OAuth, RateLimited, Secret, Transient
from cxsdk.domain.clock import ManualClock
from cxsdk.domain.oauth import Grant
from cxsdk.http.deadline import deadline
from cxsdk.http.token_endpoint import TokenEndpoint
from cxsdk.http.tokens import TOO_YOUNG, Tokens
from cxsdk.observe import redact
from cxsdk.testing import NOW, opened
from cxsdk.testing.granting import ACCESS_TOKEN, REFRESH_TOKEN, MemoryVault

pytestmark = pytest.mark.usefixtures("own_secrets")

API = "https://api.example.com/v1"
TOKEN = "https://login.example.com/token/"
HUSH = "very-secret-client-secret"

HUBSPOT_LIKE: dict[str, Any] = {"over": ("invalid_grant", "BAD_REFRESH_TOKEN")}
AMO_LIKE: dict[str, Any] = {
    "asked_by": "json",
    "token_url": "https://{referer}/oauth2/access_token",
    "hosts": ("amo.example",),
}
BITRIX_LIKE: dict[str, Any] = {"asked_by": "query", "parameter": "auth", "hosts": ("portal.example",)}


class Sample(Channel):
    """One account at a provider that grants access by OAuth."""

    client_secret: Secret
    differences: dict[str, Any] = Field(default_factory=dict)
    address: str = API

    def open(self, context: Context) -> None:
        usual = {"authorize_url": "https://login.example.com/authorize", "token_url": TOKEN, "scopes": ("crm", "task")}
        oauth = OAuth(client_id="sample", client_secret=self.client_secret, **{**usual, **self.differences})
        self._api = context.http(self.address, oauth=oauth)

    @property
    def api(self) -> Http:
        return self._api

    def classify(self, response: requests.Response) -> Exception | None:
        return RateLimited("slow down", retry_after=30) if response.status_code == 420 else None


@pytest.fixture
def provider() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as provider:
        yield provider


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


def sample(**settings: Any) -> Sample:
    return Sample(client_secret=Secret(HUSH), **settings)


def gives(provider: responses.RequestsMock, url: str = TOKEN, method: str = "POST", **answer: Any) -> Any:
    told = {"access_token": "new-access-token", "refresh_token": "new-refresh-token", "expires_in": 3600, **answer}
    return provider.add(method, url, json=told)


def bearers(provider: responses.RequestsMock) -> list[str | None]:
    return [call.request.headers.get("Authorization") for call in provider.calls if call.request.url.startswith(API)]


def raise_(error: Exception) -> Any:
    raise error


def form_of(call: Any) -> dict[str, list[str]]:
    return parse_qs(call.request.body)


# -- early, once, and stored before it is used


def test_a_young_token_is_used_and_nobody_asks_for_another(provider: responses.RequestsMock) -> None:
    provider.get(f"{API}/users", json=[1])
    with opened(sample()) as plugin:
        assert plugin.api.get("/users") == [1]
    assert bearers(provider) == [f"Bearer {ACCESS_TOKEN}"]


def test_a_token_is_renewed_five_minutes_before_its_end(provider: responses.RequestsMock, clock: ManualClock) -> None:
    provider.get(f"{API}/users", json=[])
    renewed = gives(provider)
    with opened(sample(), clock=clock) as plugin:
        clock.advance(timedelta(minutes=54, seconds=59))
        plugin.api.get("/users")
        assert renewed.call_count == 0
        clock.advance(timedelta(seconds=2))
        plugin.api.get("/users")
        plugin.api.get("/users")
    assert renewed.call_count == 1
    assert bearers(provider) == [f"Bearer {ACCESS_TOKEN}", *["Bearer new-access-token"] * 2]
    asked = form_of(renewed.calls[0])
    assert asked["refresh_token"] == [REFRESH_TOKEN]
    assert (asked["grant_type"], asked["client_id"], asked["client_secret"]) == (["refresh_token"], ["sample"], [HUSH])


def test_a_short_lived_token_is_renewed_after_nine_tenths_of_its_life() -> None:
    grant = Grant.of({"access_token": "a", "expires_in": "600"}, NOW)
    assert grant.renew_at == NOW + timedelta(seconds=540)


@pytest.mark.parametrize("told", [None, 0, -5, "soon", [], "nan"])
def test_a_token_of_which_no_life_is_told_is_used_until_it_is_refused(told: Any) -> None:
    assert Grant.of({"access_token": "a", "expires_in": told}, NOW).renew_at is None


def test_a_provider_that_sends_no_new_refresh_token_keeps_the_old_one() -> None:
    first = Grant.of({"access_token": "a", "refresh_token": "r", "expires_in": 1800, "hub": 7}, NOW)
    second = first.renewed({"access_token": "b", "expires_in": 1800, "scope": "crm"}, NOW)
    assert second.refresh_token == Secret("r")
    assert second.fields == {"hub": 7, "scope": "crm"}
    assert Grant.from_kept(json.loads(json.dumps(second.kept()))) == second


class _Watched(MemoryVault):
    """Tells whether a grant was kept when it was used."""

    kept_first: str = ""

    def keep(self, grant: Grant, generation: int) -> bool:
        self.kept_first = grant.access_token.reveal()
        return super().keep(grant, generation)


def tokens_of(vault: MemoryVault, clock: ManualClock, **differences: Any) -> Tokens:
    oauth = OAuth(client_id="sample", authorize_url=TOKEN, token_url=TOKEN, **differences)
    return Tokens("sample", TokenEndpoint(sample(), oauth, clock), vault, clock, 20.0, sleep=lambda _: None)


def test_a_new_grant_is_stored_before_it_is_handed_out(provider: responses.RequestsMock, clock: ManualClock) -> None:
    gives(provider)
    vault = _Watched(clock, {})
    tokens = tokens_of(vault, clock)
    clock.advance(timedelta(hours=1))
    assert tokens.current().grant.access_token.reveal() == vault.kept_first == "new-access-token"


class _Away(MemoryVault):
    """Cannot be written to the first times."""

    times = 2

    def keep(self, grant: Grant, generation: int) -> bool:
        self.times -= 1
        return raise_(Transient("away")) if self.times >= 0 else super().keep(grant, generation)


def test_a_grant_that_could_not_be_stored_is_not_lost_and_not_used_before_it_is(
    provider: responses.RequestsMock, clock: ManualClock
) -> None:
    renewed = gives(provider)
    tokens = tokens_of(_Away(clock, {}), clock)
    clock.advance(timedelta(hours=1))
    for _ in range(2):
        with pytest.raises(Transient, match="away"):
            tokens.current()
    assert tokens.current().grant.access_token == Secret("new-access-token")
    assert renewed.call_count == 1


def test_the_old_token_is_used_while_another_process_renews_it(clock: ManualClock) -> None:
    vault = MemoryVault(clock, {})
    tokens = tokens_of(vault, clock)
    clock.advance(timedelta(minutes=56))
    assert vault.begin(1, timedelta(seconds=30))
    assert tokens.current().generation == 1  # and no request: nobody answers one here


def test_one_whose_token_has_ended_waits_for_the_other_process(clock: ManualClock) -> None:
    vault = MemoryVault(clock, {})
    clock.advance(timedelta(hours=1))
    assert vault.begin(1, timedelta(seconds=30))
    tokens = tokens_of(vault, clock)
    tokens._sleep = lambda _: vault.keep(Grant.of({"access_token": "b"}, clock.now()), 1) and None
    assert tokens.current().generation == 2


def test_one_that_waits_in_vain_is_told_when_to_come_back(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxsdk.http.tokens.PATIENCE_S", 0.05)
    vault = MemoryVault(clock, {})
    clock.advance(timedelta(hours=1))
    assert vault.begin(1, timedelta(seconds=30))
    with pytest.raises(Transient, match="another process") as late:
        tokens_of(vault, clock).current()
    assert late.value.retry_after == 2


def test_nobody_asks_who_has_too_little_time_left_for_the_answer(
    provider: responses.RequestsMock, clock: ManualClock
) -> None:
    provider.get(f"{API}/users", json=[])
    renewed = gives(provider)
    with opened(sample(), clock=clock) as plugin:
        clock.advance(timedelta(minutes=56))
        with deadline(9):  # of 20 s
            plugin.api.get("/users")  # with the old token
            clock.advance(timedelta(minutes=5))
            with pytest.raises(Transient, match="renewed soon"):
                plugin.api.get("/users")
        assert renewed.call_count == 0
        plugin.api.get("/users")
        assert renewed.call_count == 1


def test_a_good_token_is_used_while_the_database_is_away(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = MemoryVault(clock, {})
    tokens = tokens_of(vault, clock)
    tokens.current()
    monkeypatch.setattr("cxsdk.http.tokens.LOOK_AGAIN_S", 0.0)
    monkeypatch.setattr(vault, "load", lambda: raise_(Transient("away")))
    assert tokens.current().generation == 1
    clock.advance(timedelta(hours=1))
    with pytest.raises(Transient, match="away"):
        tokens.current()


def test_an_account_that_is_connected_anew_is_noticed(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = MemoryVault(clock, {})
    tokens = tokens_of(vault, clock)
    tokens.current()
    vault.keep(Grant.of({"access_token": "b", "expires_in": 3600}, clock.now()), 1)
    assert tokens.current().generation == 1
    monkeypatch.setattr("cxsdk.http.tokens.LOOK_AGAIN_S", 0.0)
    assert tokens.current().generation == 2


# -- refused


def test_a_token_that_is_refused_is_renewed_once_and_the_request_repeated(
    provider: responses.RequestsMock, clock: ManualClock
) -> None:
    provider.post(f"{API}/notes", status=401)
    provider.post(f"{API}/notes", json={"id": 1})
    renewed = gives(provider)
    with opened(sample(), clock=clock) as plugin:
        clock.advance(TOO_YOUNG)
        assert plugin.api.post("/notes", json={"text": "x"}) == {"id": 1}
    assert renewed.call_count == 1
    assert bearers(provider) == [f"Bearer {ACCESS_TOKEN}", "Bearer new-access-token"]


def test_a_request_is_repeated_no_more_than_once(provider: responses.RequestsMock, clock: ManualClock) -> None:
    refused = provider.post(f"{API}/notes", status=401)
    renewed = gives(provider)
    with opened(sample(), clock=clock) as plugin:
        clock.advance(TOO_YOUNG)
        for _ in range(3):
            with pytest.raises(AuthenticationError) as error:
                plugin.api.post("/notes", json={})
            assert error.value.status == 401
    assert (refused.call_count, renewed.call_count) == (4, 1)  # the new token is too young to be the reason


@pytest.mark.parametrize("status", [403, 500])
def test_only_a_request_that_was_not_authorised_is_repeated(
    provider: responses.RequestsMock, clock: ManualClock, status: int
) -> None:
    refused = provider.post(f"{API}/notes", status=status)
    with opened(sample(), clock=clock) as plugin:
        clock.advance(TOO_YOUNG)
        with pytest.raises(Exception, match="notes"):
            plugin.api.post("/notes", json={})
    assert refused.call_count == 1


def test_a_token_that_another_process_renewed_is_taken_without_asking(clock: ManualClock) -> None:
    vault = MemoryVault(clock, {})
    tokens = tokens_of(vault, clock)
    refused = tokens.current()
    vault.keep(Grant.of({"access_token": "b", "expires_in": 3600}, clock.now()), 1)
    newer = tokens.instead_of(refused)
    assert newer is not None
    assert newer.generation == 2


# -- over


@pytest.mark.parametrize(
    ("differences", "answer"),
    [
        ({}, {"error": "invalid_grant", "error_description": f"unknown token {REFRESH_TOKEN}"}),
        (HUBSPOT_LIKE, {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}),
    ],
)
def test_a_grant_that_is_over_says_so_and_is_not_asked_for_again(
    provider: responses.RequestsMock, clock: ManualClock, differences: dict[str, Any], answer: dict[str, Any]
) -> None:
    refused = provider.post(TOKEN, json=answer, status=400)
    with opened(sample(differences=differences), clock=clock) as plugin:
        clock.advance(timedelta(hours=1))
        for _ in range(3):
            with pytest.raises(AuthenticationError, match="cxsdk connect sample APP") as error:
                plugin.api.get("/users")
            assert error.value.code == "reconnect_needed"
            assert REFRESH_TOKEN not in f"{error.value} {vars(error.value)}"
    assert refused.call_count == 1


def test_a_grant_that_another_process_replaced_is_not_over(
    provider: responses.RequestsMock, clock: ManualClock
) -> None:
    vault = MemoryVault(clock, {})

    def refuse_late(_: Any) -> tuple[int, dict[str, str], str]:
        vault.keep(Grant.of({"access_token": "b", "expires_in": 3600}, clock.now()), 1)
        return 400, {}, '{"error": "invalid_grant"}'

    provider.add_callback("POST", TOKEN, refuse_late)
    clock.advance(timedelta(hours=1))
    assert tokens_of(vault, clock).current().grant.access_token == Secret("b")


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, '{"error": "invalid_client"}'), (402, '{"error": "PAYMENT_REQUIRED"}'), (404, "gone"), (200, '{"no": 1}')],
)
def test_a_refusal_of_the_application_is_told_as_such(
    provider: responses.RequestsMock, clock: ManualClock, status: int, body: str
) -> None:
    provider.post(TOKEN, body=body, status=status)
    with opened(sample(), clock=clock) as plugin:
        clock.advance(timedelta(hours=1))
        with pytest.raises(AuthenticationError, match="Check the application's id, secret and state") as error:
            plugin.api.get("/users")
    assert error.value.code == "oauth_refused"


# -- away


DOWN: list[dict[str, Any]] = [
    {"status": 500},
    {"body": requests.ReadTimeout()},
    {"body": requests.ConnectionError()},
    {"status": 200, "body": "<html>busy"},
    {"status": 429},
]


@pytest.mark.parametrize("answer", DOWN)
def test_while_the_token_endpoint_is_away_a_good_token_is_used_and_it_is_left_alone(
    provider: responses.RequestsMock, clock: ManualClock, answer: dict[str, Any]
) -> None:
    provider.get(f"{API}/users", json=[])
    asked = provider.post(TOKEN, **answer)
    with opened(sample(), clock=clock) as plugin:
        clock.advance(timedelta(minutes=56))
        for _ in range(3):
            plugin.api.get("/users")
        once = asked.call_count
        clock.advance(timedelta(seconds=3))
        plugin.api.get("/users")
    assert 0 < once < asked.call_count <= 2 * once


@pytest.mark.parametrize("answer", DOWN)
def test_once_the_token_has_ended_nothing_happened_and_it_is_tried_later(
    provider: responses.RequestsMock, clock: ManualClock, answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxsdk.http.tokens.PATIENCE_S", 0.05)
    wanted = provider.post(f"{API}/notes", json={})
    provider.post(TOKEN, **answer)
    with opened(sample(), clock=clock) as plugin:
        clock.advance(timedelta(hours=1))
        with pytest.raises(Transient):
            plugin.api.post("/notes", json={})
    assert wanted.call_count == 0


def test_a_limit_that_only_the_plugin_knows_is_a_limit_there_too(
    provider: responses.RequestsMock, clock: ManualClock
) -> None:
    provider.post(TOKEN, status=420)
    with opened(sample(), clock=clock) as plugin:
        clock.advance(timedelta(hours=1))
        with pytest.raises(RateLimited) as error:
            plugin.api.get("/users")
    assert error.value.retry_after == 30


# -- how providers differ


def test_a_provider_may_want_json_and_live_where_the_redirect_said(
    provider: responses.RequestsMock, clock: ManualClock
) -> None:
    provider.get("https://shop.amo.example/api/v4/account", json={"id": 5})
    renewed = gives(provider, "https://shop.amo.example/oauth2/access_token")
    plugin = sample(address="https://{referer}/api/v4", differences=AMO_LIKE)
    with opened(plugin, clock=clock, granted={"referer": "shop.amo.example"}):
        clock.advance(timedelta(hours=1))
        assert plugin.api.get("/account") == {"id": 5}
        assert plugin.api.granted == {"referer": "shop.amo.example"}
    assert json.loads(renewed.calls[0].request.body)["refresh_token"] == REFRESH_TOKEN


def test_a_provider_may_be_asked_by_a_query_and_take_the_token_as_a_parameter(
    provider: responses.RequestsMock, clock: ManualClock
) -> None:
    renewed = gives(provider, method="GET", client_endpoint="https://my.portal.example/rest/")
    listed = provider.get("https://my.portal.example/rest/user.get", json={})
    added = provider.post("https://my.portal.example/rest/crm.lead.add", json={})
    elsewhere = provider.get("https://files.example.com/1", json={})
    plugin = sample(address="{client_endpoint}", differences=BITRIX_LIKE)
    with opened(plugin, clock=clock, granted={"client_endpoint": "https://old.portal.example/rest/"}):
        clock.advance(timedelta(hours=1))
        plugin.api.get("user.get", params={"start": 0})
        plugin.api.post("crm.lead.add", json={"fields": {}})
        plugin.api.get("https://files.example.com/1")
    [asked] = renewed.calls
    assert asked.request.url.startswith(TOKEN + "?")
    assert parse_qs(urlsplit(asked.request.url).query)["refresh_token"] == [REFRESH_TOKEN]
    query = dict(parse_qsl(urlsplit(listed.calls[0].request.url).query))
    assert query == {"start": "0", "auth": "new-access-token"}
    assert json.loads(added.calls[0].request.body) == {"fields": {}, "auth": "new-access-token"}
    for call in (listed.calls[0], added.calls[0], elsewhere.calls[0]):
        assert "Authorization" not in call.request.headers
    assert "token" not in elsewhere.calls[0].request.url


def test_a_query_that_renews_is_not_repeated_like_a_read(provider: responses.RequestsMock, clock: ManualClock) -> None:
    asked = provider.get(TOKEN, body=requests.ReadTimeout())
    with opened(sample(differences={"asked_by": "query"}), clock=clock) as plugin:
        clock.advance(timedelta(hours=1))
        with pytest.raises(Transient):
            plugin.api.get("/users")
    assert asked.call_count == 1


def test_id_and_secret_may_stand_in_the_header(provider: responses.RequestsMock, clock: ManualClock) -> None:
    provider.get(f"{API}/users", json=[])
    renewed = gives(provider)
    with opened(sample(differences={"client_in": "basic", "scheme": "Zoho-oauthtoken"}), clock=clock) as plugin:
        clock.advance(timedelta(hours=1))
        plugin.api.get("/users")
    assert renewed.calls[0].request.headers["Authorization"].startswith("Basic ")
    assert "client_secret" not in form_of(renewed.calls[0])
    assert bearers(provider) == ["Zoho-oauthtoken new-access-token"]


@pytest.mark.parametrize(
    "told",
    [
        {"referer": "evil.example/x?y=.amo.example"},
        {"referer": "amo.example@evil.example"},
        {"referer": "evil-amo.example"},
        {"referer": "evil.example\\.amo.example"},
        {"referer": "evil.example#.amo.example"},
        {"referer": ""},
        {"referer": "[::1"},
        {},
    ],
)
def test_secrets_go_nowhere_but_to_the_hosts_that_the_plugin_names(
    provider: responses.RequestsMock, clock: ManualClock, told: dict[str, Any]
) -> None:
    plugin = sample(address="https://{referer}/api/v4", differences=AMO_LIKE)
    with opened(plugin, clock=clock, granted=told):
        for wait in (timedelta(0), timedelta(hours=1)):  # the account's own address, and then the token endpoint's
            clock.advance(wait)
            with pytest.raises(AuthenticationError) as error:
                plugin.api.get("/account")
            assert error.value.code in ("oauth_host_unknown", "oauth_field_missing")
    assert not provider.calls


def test_an_address_with_fields_needs_hosts() -> None:
    with pytest.raises(ConfigurationError, match="hosts"), opened(sample(address="{api_domain}")):
        pass
    with pytest.raises(ConfigurationError, match="hosts"):
        OAuth(client_id="a", authorize_url=TOKEN, token_url="https://{domain}/token")


def test_the_address_where_a_person_agrees_has_all_that_the_provider_needs() -> None:
    oauth = OAuth(
        client_id="a b", authorize_url="https://x.example/auth?mode=popup", token_url=TOKEN, scopes=("crm", "task"),
        authorize_params={"optional_scope": "calls"},
    )  # fmt: skip
    asked = dict(parse_qsl(urlsplit(oauth.authorize_at("http://localhost:1/callback", "s", "v")).query))
    assert asked == {
        "mode": "popup", "response_type": "code", "client_id": "a b", "redirect_uri": "http://localhost:1/callback",
        "scope": "crm task", "state": "s", "code_challenge_method": "S256",
        "code_challenge": "TJRIXgwhrmxBzh3-e2v6zupato5AokdvUCCOUm9QYIA", "optional_scope": "calls",
    }  # fmt: skip


def test_the_proof_key_is_the_one_of_the_standard() -> None:
    # RFC 7636, appendix B
    oauth = OAuth(client_id="a", authorize_url=TOKEN, token_url=TOKEN)
    asked = parse_qs(urlsplit(oauth.authorize_at("x", "s", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")).query)
    assert asked["code_challenge"] == ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"]


# -- secrets


def test_no_token_is_shown_by_errors_logs_or_reprs(
    provider: responses.RequestsMock, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = (ACCESS_TOKEN, REFRESH_TOKEN, HUSH, "new-access-token", "new-refresh-token")
    gives(provider, echo=f"{REFRESH_TOKEN}")
    provider.get(f"{API}/users", status=400, body=f"no such token: new-access-token, {REFRESH_TOKEN}")
    with opened(sample(), clock=clock) as plugin:
        clock.advance(timedelta(hours=1))
        with pytest.raises(Exception, match="users") as error:
            plugin.api.get("/users")
        kept = plugin.api._tokens.told()  # type: ignore[attr-defined]
        shown = f"{error.value} {vars(error.value)} {plugin.api!r} {plugin!r} {kept!r} {caplog.text}"
    assert not [secret for secret in secrets if secret in shown]


def test_tokens_that_are_long_gone_are_looked_for_no_more(clock: ManualClock) -> None:
    vault = MemoryVault(clock, {})
    tokens = tokens_of(vault, clock)
    tokens.current()
    names = [f"{number}-th-access-token" for number in range(4)]
    for generation, name in enumerate(names, start=1):
        vault.keep(Grant.of({"access_token": name, "refresh_token": "stays-the-same"}, clock.now()), generation)
        tokens._load()
    assert [redact(f"it is {name} !") == f"it is {name} !" for name in names] == [True, True, False, False]
    assert "stays-the-same" not in redact("stays-the-same")
