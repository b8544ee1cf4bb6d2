"""Signatures as Standard Webhooks has them, beside those of its own library."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from cxsdk import Request, Secret, SignatureError, sign_standard_webhook, verify_standard_webhook

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
KEY = "whsec_" + base64.b64encode(b"sample-signing-secret-of-webhook").decode()
BODY = b'{"type": "sample.happened"}'


def signed(body: bytes = BODY, *, key: str = KEY, at: datetime = NOW, prefix: str = "webhook") -> Request:
    return sign_standard_webhook(Request(body=body), secret=Secret(key), now=at, id="msg_1", prefix=prefix)


def altered(request: Request, **headers: str) -> Request:
    names = {f"webhook-{name}": value for name, value in headers.items()}
    return request.model_copy(update={"headers": {**request.headers, **names}})


def refusal(request: Request, *, key: str = KEY, prefix: str = "webhook") -> str:
    with pytest.raises(SignatureError) as refused:
        verify_standard_webhook(request, secret=Secret(key), now=NOW, prefix=prefix)
    assert key.removeprefix("whsec_") not in str(refused.value)
    return refused.value.code


@given(st.text(), st.text(st.characters(categories=["L", "N"]), min_size=1), st.binary(min_size=24, max_size=64))
def test_it_is_the_same_signature_that_the_standards_library_makes(text: str, id: str, key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    theirs = Webhook(secret).sign(id, NOW, text)
    headers = {"webhook-id": id, "webhook-timestamp": str(int(NOW.timestamp())), "webhook-signature": theirs}
    verify_standard_webhook(Request(body=text.encode(), headers=headers), secret=Secret(secret), now=NOW)
    ours = sign_standard_webhook(Request(body=text.encode()), secret=Secret(secret), now=NOW, id=id)
    assert dict(ours.headers) == headers


def test_the_standards_library_takes_what_we_sign() -> None:
    request = signed(at=datetime.now(UTC))
    assert Webhook(KEY).verify(request.body, dict(request.headers)) == {"type": "sample.happened"}


@pytest.mark.parametrize("prefix", ["webhook", "svix"])
def test_headers_may_have_the_older_names(prefix: str) -> None:
    verify_standard_webhook(signed(prefix=prefix), secret=Secret(KEY), now=NOW, prefix=prefix)


def test_while_a_secret_is_changed_one_of_several_signatures_is_enough() -> None:
    right = signed()
    both = altered(right, signature=f"v1a,b3RoZXI= v1,b3RoZXI= {right.header('webhook-signature')}")
    verify_standard_webhook(both, secret=Secret(KEY), now=NOW)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_time_that_is_far_off_is_refused(minutes: int) -> None:
    assert refusal(signed(at=NOW + timedelta(minutes=minutes))) == "timestamp_old"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Request(body=BODY), "signature_missing"),
        (altered(signed(), signature=""), "signature_missing"),
        (altered(signed(), timestamp="soon"), "timestamp_missing"),
        (altered(signed(), id="msg_2"), "signature_invalid"),
        (altered(signed(), signature="v1,йцукен"), "signature_invalid"),
        (signed().model_copy(update={"body": BODY + b" "}), "signature_invalid"),
        (signed(key="whsec_b3RoZXI="), "signature_invalid"),
    ],
    ids=["no headers", "no signature", "no time", "another id", "non-ASCII", "another body", "another secret"],
)
def test_what_is_not_proven_is_refused(request_: Request, code: str) -> None:
    assert refusal(request_) == code


def test_a_secret_that_is_none_is_said_to_be_ours() -> None:
    assert refusal(signed(), key="whsec_not base64!") == "signature_invalid"
