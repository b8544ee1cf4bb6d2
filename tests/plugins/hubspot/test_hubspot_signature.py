"""HubSpot's signatures in all versions; HubSpot's own library is the judge."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hubspot.utils.signature import Signature
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import Request, Secret, SignatureError
from cxsdk.testing import NOW, receive
from tests.plugins.hubspot.conftest import hubspot
from tests.plugins.hubspot.fake import CLIENT_SECRET, signed

VECTORS = Path(__file__).parents[4] / "shared" / "vectors.json"
URL = "https://cx.example.com/webhooks/hubspot"
BODY = b'[{"eventId":1,"occurredAt":1564113600000,"subscriptionType":"contact.creation","objectId":123}]'


def verify(request: Request, **settings: Any) -> None:
    hubspot(**settings).verify(request, NOW)


def made(url: str, body: bytes, *, signed_url: str | None = None, method: str = "POST") -> Request:
    """A request with the signature that HubSpot's library makes."""
    stamp = str(round(NOW.timestamp() * 1000))
    proof = Signature.get_signature(CLIENT_SECRET, body.decode(), "v3", signed_url or url, method, stamp)
    headers = {"X-HubSpot-Signature-v3": proof, "X-HubSpot-Request-Timestamp": stamp}
    return Request(method=method, url=url, headers=headers, body=body)


def old(version: str, body: bytes, *, url: str = URL, method: str = "POST") -> Request:
    """A request with a signature of an older version, as HubSpot's library makes it."""
    proof = Signature.get_signature(CLIENT_SECRET, body.decode(), version, url, method)
    headers = {"X-HubSpot-Signature": proof, "X-HubSpot-Signature-Version": version}
    return Request(method=method, url=url, headers=headers, body=body)


@given(body=st.text(max_size=50), method=st.sampled_from(["POST", "GET"]))
def test_what_hubspots_library_signs_is_taken(body: str, method: str) -> None:
    verify(made(URL, body.encode(), method=method))


@pytest.mark.parametrize(
    ("called", "signed_url"),
    [
        (f"{URL}?a=b%3Ac%2Fd%3Fe%40f", f"{URL}?a=b:c/d?e@f"),
        (f"{URL}?x=%21%24%27%28%29%2A%2C%3B", f"{URL}?x=!$'()*,;"),
        (f"{URL}?x=%3a%2f", f"{URL}?x=:/"),
        (f"{URL}?x=%20%26%3D%2B%25%23", f"{URL}?x=%20%26%3D%2B%25%23"),
        (f"{URL}?x=%253A", f"{URL}?x=%253A"),
    ],
)
def test_the_address_is_signed_with_some_of_its_letters_decoded(called: str, signed_url: str) -> None:
    verify(made(called, BODY, signed_url=signed_url))
    if called != signed_url:
        with pytest.raises(SignatureError):
            verify(made(called, BODY))


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"X-HubSpot-Signature-v3": ""}, "signature_missing"),
        ({"X-HubSpot-Signature-v3": "підпис"}, "signature_invalid"),
        ({"X-HubSpot-Request-Timestamp": ""}, "timestamp_missing"),
        ({"X-HubSpot-Request-Timestamp": "soon"}, "timestamp_missing"),
        ({"X-HubSpot-Request-Timestamp": "²"}, "timestamp_missing"),
        ({"X-HubSpot-Request-Timestamp": "-1"}, "timestamp_missing"),
        ({"X-HubSpot-Request-Timestamp": "9" * 400}, "timestamp_missing"),
        ({"X-HubSpot-Request-Timestamp": "1767614400"}, "timestamp_old"),
        ({"X-HubSpot-Request-Timestamp": "1767614400001"}, "signature_invalid"),
    ],
)
def test_what_is_not_signed_so_is_refused(changed: dict[str, str], code: str) -> None:
    headers = {**made(URL, BODY).headers, **{name.lower(): value for name, value in changed.items()}}
    with pytest.raises(SignatureError) as caught:
        verify(Request(url=URL, headers=headers, body=BODY))
    assert caught.value.code == code


@pytest.mark.parametrize(("minutes", "taken"), [(-5, True), (-5.01, False), (5, True), (5.01, False)])
def test_a_time_may_be_five_minutes_off(minutes: float, taken: bool) -> None:
    request = Request(url=URL, body=BODY)
    late = Request(url=URL, headers=signed(request, at=NOW + timedelta(minutes=minutes)), body=BODY)
    if taken:
        verify(late)
    else:
        with pytest.raises(SignatureError, match="five minutes"):
            verify(late)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_an_old_signature_is_taken_only_where_that_is_wished(version: str) -> None:
    with pytest.raises(SignatureError) as caught:
        verify(old(version, BODY))
    assert caught.value.code == "signature_missing"
    verify(old(version, BODY), old_signatures=True)
    with pytest.raises(SignatureError):
        verify(old(version, BODY).model_copy(update={"body": BODY + b" "}), old_signatures=True)


def test_beside_a_current_signature_an_old_one_does_not_count() -> None:
    good, bad = old("v1", BODY), made(URL, b"[]")
    with pytest.raises(SignatureError):
        verify(Request(url=URL, headers={**good.headers, **bad.headers}, body=BODY), old_signatures=True)


def test_without_a_client_secret_there_is_no_webhook() -> None:
    with pytest.raises(SignatureError) as caught:
        verify(made(URL, BODY), client_secret=None)
    assert caught.value.code == "webhook_off"


def test_a_signed_body_is_received() -> None:
    request = made(URL, BODY)
    assert receive(hubspot(), headers=request.headers, body=BODY) == []


@pytest.mark.skipif(not VECTORS.is_file(), reason="the folder with test vectors beside the project is missing")
def test_the_signatures_of_the_vectors_are_accepted() -> None:
    vectors = [one for one in json.loads(VECTORS.read_text())["vectors"] if one["vendor"] == "hubspot"]
    assert vectors
    for vector in vectors:
        given, version = vector["inputs"], vector["name"].split()[0]
        headers = {"X-HubSpot-Signature": vector["expected"], "X-HubSpot-Signature-Version": version}
        body = given["body"].encode()
        request = Request(method=given.get("method", "POST"), url=given.get("url", URL), headers=headers, body=body)
        verify(request, client_secret=Secret(given["client_secret"]), old_signatures=True)
