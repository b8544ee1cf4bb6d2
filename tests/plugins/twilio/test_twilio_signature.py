"""X-Twilio-Signature: what Twilio signs is taken, and nothing else; Twilio's own library is the judge."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from cxsdk import Request, Secret, SignatureError
from cxsdk.testing import NOW, receive
from tests.plugins.twilio.samples import FACTS, TOKEN, URL, sign, text, twilio

VECTORS = FACTS / "vectors.json"
FORM = "application/x-www-form-urlencoded"


def verify(request: Request, **settings: Any) -> None:
    twilio(**settings).verify(request, NOW)


def is_taken(request: Request, **settings: Any) -> bool:
    try:
        verify(request, **settings)
    except SignatureError:
        return False
    return True


def request(url: str, body: bytes, signature: str, content_type: str = FORM, **headers: str) -> Request:
    return Request(
        url=url, body=body, headers={"x-twilio-signature": signature, "content-type": content_type, **headers}
    )


def signed(url: str, form: bytes = b"", algorithm: str = "sha1") -> str:
    return base64.b64encode(hmac.digest(TOKEN.encode(), url.encode() + form, algorithm)).decode()


# -- the vectors


def vectors() -> list[dict[str, Any]]:
    if not VECTORS.is_file():
        return []
    return [v for v in json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"] if v["vendor"] == "twilio"]


@pytest.mark.skipif(not VECTORS.is_file(), reason=f"there is no {VECTORS}; VENDOR_FACTS may name its folder")
@pytest.mark.parametrize("vector", [pytest.param(v, id=v["name"]) for v in vectors() if "url" in v["inputs"]])
def test_a_vector_is_taken_and_one_letter_more_is_not(vector: dict[str, Any]) -> None:
    inputs = vector["inputs"]
    body = urlencode([tuple(pair) for pair in inputs["params"]]).encode()
    key = Secret(inputs["auth_token"])
    assert is_taken(request(inputs["url"], body, vector["expected"]), auth_token=key)
    assert not is_taken(request(inputs["url"], body + b"x", vector["expected"]), auth_token=key)


@pytest.mark.skipif(not VECTORS.is_file(), reason=f"there is no {VECTORS}; VENDOR_FACTS may name its folder")
@pytest.mark.parametrize("vector", [pytest.param(v, id=v["name"]) for v in vectors() if "body" in v["inputs"]])
def test_the_hash_of_a_vectors_body_is_the_one_compared(vector: dict[str, Any]) -> None:
    url = f"{URL}?bodySHA256={vector['expected']}"
    body = vector["inputs"]["body"].encode()
    assert is_taken(request(url, body, signed(url), "application/json"))
    assert not is_taken(request(url, body + b" ", signed(url), "application/json"))


# -- each way by itself


@pytest.mark.parametrize(
    ("called", "signed_as"),
    [
        ("https://cx.example.com/webhooks/twilio", "https://cx.example.com:443/webhooks/twilio"),
        ("https://cx.example.com:443/webhooks/twilio", "https://cx.example.com/webhooks/twilio"),
        ("https://cx.example.com:8443/webhooks/twilio", "https://cx.example.com:8443/webhooks/twilio"),
        ("https://cx.example.com:8443/webhooks/twilio", "https://cx.example.com/webhooks/twilio"),
        ("http://cx.example.com/webhooks/twilio?a=1", "http://cx.example.com:80/webhooks/twilio?a=1"),
        ("https://[::1]/webhooks/twilio", "https://[::1]:443/webhooks/twilio"),
    ],
)
def test_a_port_in_the_address_may_be_signed_or_not(called: str, signed_as: str) -> None:
    assert is_taken(request(called, b"A=1", signed(signed_as, b"A1")))


@pytest.mark.parametrize("other", ["https://cx.example.com:444/", "http://cx.example.com/", "https://cx.example.org/"])
def test_another_address_is_not_taken(other: str) -> None:
    assert not is_taken(request("https://cx.example.com/", b"A=1", signed(other, b"A1")))


def test_a_get_is_signed_by_its_address_alone() -> None:
    url = f"{URL}?CallSid=CA1&CallStatus=completed"
    assert is_taken(Request(method="GET", url=url, headers={"X-Twilio-Signature": signed(url)}))
    assert not is_taken(Request(method="GET", url=f"{url}&x=1", headers={"X-Twilio-Signature": signed(url)}))


def test_of_a_repeated_field_each_value_counts_once_in_order() -> None:
    body = b"Digits=5678&Digits=1234&Digits=1234&Sid=CA123"
    assert is_taken(request(URL, body, signed(URL, b"Digits1234Digits5678SidCA123")))


def test_other_alphabets_and_empty_fields_are_signed_as_well() -> None:
    form = text("Где моя посылка? 😀", FromCity="", FromState="Zürich + co")
    [fact] = receive(twilio(), headers=sign(URL, form), body=urlencode(form).encode(), url=URL)
    assert fact.text == "Где моя посылка? 😀"


def test_a_json_body_needs_its_hash_in_the_address() -> None:
    body = b'{"CallSid": "CA1"}'
    assert not is_taken(request(URL, body, signed(URL), "application/json"))
    bare = f"{URL}?bodySHA256={hashlib.sha256(b'{}').hexdigest()}"
    with pytest.raises(SignatureError, match="bodySHA256"):
        verify(request(bare, body, signed(bare), "application/json"))


def test_a_hash_in_the_address_does_not_excuse_a_form() -> None:
    url = f"{URL}?bodySHA256={hashlib.sha256(b'A=1').hexdigest()}"
    assert is_taken(request(url, b"A=1", signed(url, b"A1")))
    assert not is_taken(request(url, b"A=1", signed(url)))


def test_an_account_may_sign_with_a_key_of_its_own() -> None:
    settings = {"X-Twilio-Webhooks-Signature-Settings": "key=webhooks_sharedkey_1, algorithm=HMAC_SHA256"}
    with_key = base64.b64encode(hmac.digest(b"own", URL.encode() + b"A1", "sha256")).decode()
    own = {"signing_key": Secret("own")}
    assert is_taken(request(URL, b"A=1", with_key, **settings), **own)
    assert not is_taken(request(URL, b"A=1", with_key), **own)
    assert not is_taken(request(URL, b"A=1", with_key, **settings))
    assert not is_taken(
        request(URL, b"A=1", with_key, **{**settings, "X-Twilio-Webhooks-Signature-Settings": "algorithm=MD5"})
    )


def test_a_missing_signature_is_told_apart_from_a_wrong_one() -> None:
    codes = []
    for headers in ({}, {"X-Twilio-Signature": "nonsense é"}):
        with pytest.raises(SignatureError) as error:
            verify(Request(url=URL, body=b"A=1", headers=headers))
        codes.append(error.value.code)
        assert TOKEN not in str(error.value)
    assert codes == ["signature_missing", "signature_invalid"]


def test_a_body_that_is_no_form_is_refused_and_not_a_crash() -> None:
    assert not is_taken(request(URL, b"\xff\xfe=\xff", signed(URL)))


# -- Twilio's own library

_words = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
_urls = st.builds(
    "{}://cx.example.com{}/webhooks/{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["", ":80", ":443", ":8080"]),
    st.sampled_from(["twilio", "tw%C3%A9", ""]),
    st.sampled_from(["", "?a=1", "?b=%20&b=2", "?url=https://x.example/:1"]),
)


@given(_urls, _urls, st.dictionaries(_names, _words, max_size=5))
def test_we_and_twilios_library_take_the_same_forms(called: str, signed_as: str, form: dict[str, str]) -> None:
    oracle = RequestValidator(TOKEN)
    signature = oracle.compute_signature(signed_as, form)
    ours = is_taken(request(called, urlencode(form).encode(), signature))
    assert ours or called != signed_as
    assert ours is oracle.validate(called, form, signature)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40), st.booleans())
def test_we_and_twilios_library_take_the_same_json(body: str, is_right: bool) -> None:
    oracle = RequestValidator(TOKEN)
    url = f"{URL}?bodySHA256={oracle.compute_hash(body if is_right else body + ' ')}"
    signature = oracle.compute_signature(url, {})
    assert oracle.validate(url, body, signature) is is_right
    assert is_taken(request(url, body.encode(), signature, "application/json")) is is_right
