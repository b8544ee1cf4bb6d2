"""Links, signatures, the list of responses, and the webhooks at Typeform."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from cxsdk import (
    AuthenticationError,
    BadInput,
    ConfigurationError,
    Invitation,
    RateLimited,
    Rejected,
    Secret,
    SignatureError,
)
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, Answer, opened, read, receive
from cxsdk.testing.stand_in import Fault
from cxsdk_typeform import Typeform, register_survey_providers
from tests.plugins.typeform.fake import (
    EVERY_TYPE,
    LOYALTY,
    LOYALTY_UK,
    PURCHASE,
    SECRET,
    FakeTypeform,
    encoded,
    signed,
    typeform,
    webhook,
)

VECTORS = Path(os.environ.get("VENDOR_FACTS", Path(__file__).parents[4] / "shared")) / "vectors.json"
SOURCE = f"responses_{LOYALTY}"


def invitation(survey: str = "loyalty", language: str = "en", token: str = "tok") -> Invitation:
    return Invitation(key="k", token=token, survey=survey, language=language, expires_at=NOW + timedelta(days=7))


def respond(site: FakeTypeform, token: str, at: datetime) -> None:
    site.respond(f"https://form.typeform.com/to/{LOYALTY}#invitation={token}", at=at)


def test_it_is_registered() -> None:
    assert register_survey_providers() == [Typeform]


# -- links


def test_a_link_carries_the_invitation_and_its_language_behind_the_hash() -> None:
    assert typeform().link(invitation()) == f"https://form.typeform.com/to/{LOYALTY}#invitation=tok&language=en"


def test_a_language_has_its_form_and_others_have_the_first() -> None:
    links = [typeform().link(invitation(language=language)) for language in ("uk", "de")]
    assert [link.partition("#")[0].rpartition("/")[2] for link in links] == [LOYALTY_UK, LOYALTY]


def test_an_account_in_europe_has_addresses_of_its_own(site: FakeTypeform) -> None:
    europe = typeform(api_url="https://api.typeform.eu", form_url="https://form.typeform.eu")
    assert europe.link(invitation("post_purchase")).startswith(f"https://form.typeform.eu/to/{PURCHASE}#")
    read(europe, SOURCE)
    assert {request.url.partition("/forms")[0] for request in site.requests} == {"https://api.typeform.eu"}


def test_a_survey_without_a_form_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"Typeform\.forms: The survey closing has no form"):
        typeform().link(invitation("closing"))


# -- signatures


@pytest.mark.skipif(not VECTORS.is_file(), reason=f"there is no {VECTORS}; VENDOR_FACTS may name its folder")
def test_the_documented_signature_is_believed() -> None:
    [vector] = [one for one in json.loads(VECTORS.read_text())["vectors"] if one["vendor"] == "typeform"]
    body, headers = vector["inputs"]["body"].encode(), {"Typeform-Signature": vector["expected"]}
    key = Secret(vector["inputs"]["secret"])
    for wrong in ({}, {"Typeform-Signature": vector["expected"].removeprefix("sha256=")}):
        with pytest.raises(SignatureError):
            receive(typeform(webhook_secret=key), headers=wrong, body=body)
    with pytest.raises(BadInput):  # proven, and it holds no response
        receive(typeform(webhook_secret=key), headers=headers, body=body)


def test_a_signed_response_is_read_and_one_with_a_foreign_key_is_not() -> None:
    body, headers = encoded(webhook("tok", *EVERY_TYPE))
    [fact] = receive(typeform(), headers=headers, body=body)
    assert fact.invitation == "tok"  # type: ignore[union-attr]
    with pytest.raises(SignatureError):
        receive(typeform(), headers=signed(body, "other"), body=body)


# -- the list of responses


def test_the_list_tells_the_same_as_the_webhook(site: FakeTypeform, provider: Typeform) -> None:
    told = site.respond(provider.link(invitation()))
    body, headers = encoded(told)
    [page] = read(provider, SOURCE)
    [raw] = page.items
    assert list(provider.parse(raw)) == receive(provider, headers=headers, body=body)
    assert b"user_agent" not in raw.body


def test_what_was_submitted_lately_is_left_until_it_is_surely_listed(site: FakeTypeform) -> None:
    respond(site, "early", NOW - timedelta(minutes=45))
    respond(site, "late", NOW - timedelta(minutes=44))
    clock = ManualClock(NOW)
    with opened(typeform(), clock=clock) as plugin:
        [first] = read(plugin, SOURCE)
        clock.advance(timedelta(minutes=5))
        [second] = read(plugin, SOURCE, first.cursor)
        assert read(plugin, SOURCE, second.cursor) == []
    assert [len(first.items), len(second.items)] == [1, 1]


def test_the_first_reading_begins_a_day_before(site: FakeTypeform, provider: Typeform) -> None:
    respond(site, "last-week", NOW - timedelta(days=7))
    respond(site, "yesterday", NOW - timedelta(hours=20))
    [page] = read(provider, SOURCE)
    assert [fact.invitation for raw in page.items for fact in provider.parse(raw)] == ["yesterday"]


def test_a_long_outage_is_read_in_pieces_that_fit_once_each(
    site: FakeTypeform, provider: Typeform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxsdk_typeform.catch_up.LISTED", 3)
    monkeypatch.setattr("cxsdk_typeform.catch_up.PACE_S", 0)
    begin = NOW - timedelta(days=6)
    for number in range(40):
        respond(site, f"tok-{number}", begin + timedelta(seconds=number * number * 300))
    pages = read(provider, SOURCE, str(int(begin.timestamp())))
    found = [fact.invitation for page in pages for raw in page.items for fact in provider.parse(raw)]
    assert sorted(found) == sorted(f"tok-{number}" for number in range(40))
    assert max(len(page.items) for page in pages) == 2


def test_a_stop_ends_a_reading_between_two_requests_and_the_next_goes_on(
    site: FakeTypeform, provider: Typeform
) -> None:
    respond(site, "first", NOW - timedelta(days=3))
    respond(site, "second", NOW - timedelta(days=1))
    stop = Event()
    reading = provider.sources()[SOURCE](str(int((NOW - timedelta(days=3)).timestamp())), stop)
    first = next(reading)
    stop.set()
    assert next(reading, None) is None
    assert [raw.id for raw in first.items] == ["response0001"]
    assert len(site.requests) == 1
    [last] = read(provider, SOURCE, str(int((NOW - timedelta(hours=24)).timestamp())))
    assert [raw.id for raw in last.items] == ["response0002"]
    assert last.cursor == str(int((NOW - timedelta(minutes=45)).timestamp()) + 1)


def test_a_form_is_read_by_itself_and_once(site: FakeTypeform) -> None:
    both = typeform(forms={"loyalty": LOYALTY, "post_purchase": {"en": PURCHASE, "uk": LOYALTY}})
    assert list(both.sources()) == [f"responses_{LOYALTY}", f"responses_{PURCHASE}"]
    assert typeform(catch_up=False).sources() == {}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(401, {"code": "UNAUTHORIZED"}), AuthenticationError),
        (Answer(403, {"code": "AUTHENTICATION_FAILED"}), AuthenticationError),
        (Answer(404, {"code": "FORM_NOT_FOUND"}), Rejected),
        (Answer(429, {"code": "TOO_MANY_REQUESTS"}), RateLimited),
    ],
)
def test_an_error_of_the_api_is_told_by_its_kind(
    site: FakeTypeform, provider: Typeform, answer: Answer, error: type[Exception]
) -> None:
    site.suffer(Fault.DOWN, answer)
    with pytest.raises(error):
        read(provider, SOURCE)


# -- the webhooks


def test_the_webhook_of_each_form_is_set_as_often_as_one_likes(site: FakeTypeform, provider: Typeform) -> None:
    for _ in range(2):
        provider.register_webhook()
    assert set(site.webhooks) == {LOYALTY, LOYALTY_UK, PURCHASE}
    assert site.webhooks[PURCHASE] == {
        "url": "https://cx.example.com/webhooks/typeform",
        "enabled": True,
        "verify_ssl": True,
        "secret": SECRET,
        "event_types": {"form_response": True, "form_response_partial": False},
    }
    assert {request.path.rpartition("/")[2] for request in site.requests if request.method == "PUT"} == {"cxsdk"}


def test_a_form_that_would_lose_the_invitation_gets_no_webhook(site: FakeTypeform, provider: Typeform) -> None:
    site.hidden = ["language"]
    with pytest.raises(ConfigurationError, match="has no hidden field invitation"):
        provider.register_webhook()
    assert site.webhooks == {}
