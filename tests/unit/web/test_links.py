"""Signed links: they bring back what was signed, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.domain.secret import Secret
from cxsdk.errors import ConfigurationError, SignatureError
from cxsdk.webhooks.links import LinkSigner

SIGNER = LinkSigner(b"a key of sixteen bytes or more")
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)

tokens = st.text("abcXYZ019_-", min_size=1, max_size=100)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(tokens, moments)
def test_a_link_brings_its_token_back_until_it_runs_out(token: str, expires_at: datetime) -> None:
    expires_at = expires_at.replace(microsecond=0)
    signed = SIGNER.sign(token, expires_at)
    assert SIGNER.read(signed, expires_at - timedelta(seconds=1)) == token
    with pytest.raises(SignatureError) as refused:
        SIGNER.read(signed, expires_at)
    assert refused.value.code == "link_expired"
    assert SIGNER.token(signed) == token


@given(tokens, moments, st.data())
def test_a_link_with_any_character_changed_is_refused(token: str, expires_at: datetime, data: st.DataObject) -> None:
    signed = SIGNER.sign(token, expires_at)
    place = data.draw(st.integers(0, len(signed) - 1))
    other = data.draw(st.characters().filter(lambda char: char != signed[place]))
    for changed in (signed[:place] + other + signed[place + 1 :], signed[:place] + other + signed[place:], signed[:-1]):
        with pytest.raises(SignatureError) as refused:
            SIGNER.read(changed, NOW)
        assert refused.value.code == "link_invalid"


@given(st.text())
def test_what_was_never_signed_is_refused(signed: str) -> None:
    with pytest.raises(SignatureError):
        SIGNER.read(signed, NOW)


@given(tokens, tokens, moments)
def test_the_parts_of_two_links_do_not_mix(one: str, other: str, expires_at: datetime) -> None:
    later = expires_at + timedelta(days=365)
    _, moment, _ = SIGNER.sign(one, later).split(".")
    token, _, signature = SIGNER.sign(other, expires_at).split(".")
    with pytest.raises(SignatureError):
        SIGNER.read(f"{token}.{moment}.{signature}", NOW)


def test_a_link_of_another_key_is_refused() -> None:
    signed = LinkSigner(b"quite another key for links").sign("abc", NOW + timedelta(days=1))
    with pytest.raises(SignatureError):
        SIGNER.read(signed, NOW)


def test_a_link_is_short_and_needs_no_escaping() -> None:
    signed = SIGNER.sign("k3jd8s7f", NOW)
    assert len(signed) == len("k3jd8s7f") + 34
    assert set(signed) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@pytest.mark.parametrize("token", ["", "a.b", "a/b", "ä", "x" * 101])
def test_a_token_that_a_link_cannot_hold_is_not_signed(token: str) -> None:
    with pytest.raises(ValueError, match="token"):
        SIGNER.sign(token, NOW)


def test_a_short_key_is_refused_and_a_secret_is_taken() -> None:
    with pytest.raises(ConfigurationError) as refused:
        LinkSigner(b"hunter2")
    assert refused.value.code == "link_key_short"
    assert "hunter2" not in str(refused.value)
    assert LinkSigner(Secret("a key of sixteen bytes or more")).sign("a", NOW) == SIGNER.sign("a", NOW)
