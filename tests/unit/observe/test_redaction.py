"""What nobody may read is not written down."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, SecretStr

from cxsdk import Secret
from cxsdk.observe import redact, redact_url, register, register_secrets
from cxsdk.observe.redaction import MASK, hide


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@h/db", f"postgresql://u:{MASK}@h/db"),
        ("postgresql+psycopg://u:p/with@odd#chars@h/db?x=1", f"postgresql+psycopg://u:{MASK}@h/db?x=1"),
        ("redis://:p@h:6379/0", f"redis://:{MASK}@h:6379/0"),
        ("amqps://u:p%40@h//", f"amqps://u:{MASK}@h//"),
        ("https://u:p@h/path", f"https://u:{MASK}@h/path"),
        ("https://h:8443/path/to@example.com", "https://h:8443/path/to@example.com"),
        ("sqlite:///cxsdk.db", "sqlite:///cxsdk.db"),
        ("https://h/p?access_token=abc&x=1", f"https://h/p?access_token={MASK}&x=1"),
    ],
)
def test_passwords_in_urls_are_hidden_and_the_rest_is_not(url: str, shown: str) -> None:
    assert redact_url(url) == shown
    assert redact(f"cannot connect to '{url}'.").startswith("cannot connect to '")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def-123", f"Authorization: Bearer {MASK}"),
        ("'authorization': 'Basic dTpwdzEyMw=='", f"'authorization': {MASK}"),
        ('{"password": "a \\" b", "x": 1}', f'{{"password": {MASK}, "x": 1}}'),
        ('{"client_secret":"abc"}', f'{{"client_secret":{MASK}}}'),
        ('{"token": "cut off', f'{{"token": {MASK} off'),
        ("api_key=abc&user=1", f"api_key={MASK}&user=1"),
        ("X-Api-Key: abc", f"X-Api-Key: {MASK}"),
        ('"{\\"token\\": \\"abc\\"}"', f'"{{\\"token\\": {MASK}"}}"'),
        ("Basic information, 7 tokens, a password is missing", "Basic information, 7 tokens, a password is missing"),
        ("Kyiv: 12:30, ratio 3:4", "Kyiv: 12:30, ratio 3:4"),
    ],
)
def test_values_named_like_secrets_are_hidden_and_prose_is_not(text: str, shown: str) -> None:
    assert redact(text) == shown


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=40), st.text(), st.text())
def test_a_registered_value_is_never_shown(value: str, before: str, after: str) -> None:
    value = f"#{value}#"
    register(value)
    assert value not in redact(before + value + after)


@pytest.mark.parametrize("written", ["s%2Fp+ace%C3%A9", "s/p%20ace%C3%A9", "s%2Fp%20ace%C3%A9", "s/p ace\\u00e9"])
def test_a_registered_value_is_found_however_it_is_written(written: str) -> None:
    register("s/p aceé")
    assert redact(f"<{written}>") == f"<{MASK}>"


def test_the_secrets_of_settings_are_found_however_deep_they_stand() -> None:
    class Inner(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        keys: dict[str, Secret]

    class Outer(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        name: str
        token: Secret
        inner: tuple[Inner, ...]

    register_secrets(Outer(name="visible", token=Secret("outer-1"), inner=(Inner(keys={"a": Secret("inner-1")}),)))
    assert redact("visible outer-1 inner-1") == f"visible {MASK} {MASK}"


def test_very_short_values_do_not_make_texts_unreadable() -> None:
    register("", "a", "abc")
    assert redact("abc a") == "abc a"


def test_an_event_is_redacted_all_the_way_down() -> None:
    register("registered-1")

    class Odd:
        def __repr__(self) -> str:
            return "Odd(registered-1)"

    event = {
        "event": "said registered-1",
        "token": "t",
        "apiKey": 5,
        "n": 3,
        "ok": True,
        "none": None,
        "secret": Secret("x"),
        "plain": SecretStr("x"),
        "deep": {"client_secret": "t", "list": ["registered-1", ("a",)]},
        "odd": Odd(),
    }
    assert hide(None, "info", event) == {
        "event": f"said {MASK}",
        "token": MASK,
        "apiKey": MASK,
        "n": 3,
        "ok": True,
        "none": None,
        "secret": MASK,
        "plain": f"SecretStr('{MASK}')",
        "deep": {"client_secret": MASK, "list": [MASK, ["a"]]},
        "odd": f"Odd({MASK})",
    }


@pytest.mark.parametrize("text", ["://x:" * 1000, "token" * 1000, "Basic" + " " * 5000, 'password="' + "\\" * 5000])
def test_hostile_text_takes_no_time(text: str) -> None:
    begun = time.monotonic()
    redact(text)
    assert time.monotonic() - begun < 0.5
