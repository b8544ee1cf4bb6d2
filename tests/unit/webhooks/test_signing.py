"""What ``sign_hmac`` signs, ``verify_hmac`` believes, and nobody else's."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any

import pytest

from cxsdk import Request, Secret, SignatureError, sign_hmac, verify_hmac
from cxsdk.testing import NOW

REQUEST = Request(url="https://cx.example.com/webhooks/x", headers={"Content-Type": "text/plain"}, body=b"hello")
KEY = Secret("sample-signing-key")
WAYS: list[dict[str, Any]] = [
    {},
    {"algorithm": "sha1", "prefix": "sha1="},
    {"algorithm": "sha512", "encoding": "base64"},
    {"timestamp": "X-Time", "now": NOW},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_what_is_signed_in_a_way_is_believed_in_that_way_alone(way: dict[str, Any]) -> None:
    signed = sign_hmac(REQUEST, header="X-Sign", key=KEY, **way)
    verify_hmac(signed, header="X-Sign", key=KEY, **way)
    for other in WAYS:
        if other != way:
            with pytest.raises(SignatureError):
                verify_hmac(signed, header="X-Sign", key=KEY, **other)
    with pytest.raises(SignatureError):
        verify_hmac(signed, header="X-Sign", key=Secret("another-signing-key"), **way)


def test_the_signature_is_that_of_the_standard_library() -> None:
    signed = sign_hmac(REQUEST, header="X-Sign", key=KEY, timestamp="X-Time", now=NOW)
    stamp = str(int(NOW.timestamp()))
    assert signed.header("x-time") == stamp
    assert signed.header("X-Sign") == hmac.digest(b"sample-signing-key", f"{stamp}.hello".encode(), "sha256").hex()
    assert (signed.header("content-type"), signed.body) == ("text/plain", b"hello")


def test_what_was_signed_long_ago_is_old() -> None:
    signed = sign_hmac(REQUEST, header="X-Sign", key=KEY, timestamp="X-Time", now=NOW - timedelta(hours=1))
    with pytest.raises(SignatureError) as refused:
        verify_hmac(signed, header="X-Sign", key=KEY, timestamp="X-Time", now=NOW)
    assert refused.value.code == "timestamp_old"


def test_a_time_is_signed_only_where_it_is_given() -> None:
    with pytest.raises(TypeError, match="needs now="):
        sign_hmac(REQUEST, header="X-Sign", key=KEY, timestamp="X-Time")
