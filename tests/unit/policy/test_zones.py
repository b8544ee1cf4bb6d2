"""The zone of a phone number's country."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.domain.zones import is_zone
from cxsdk.policy.zones import zone_of


@pytest.mark.parametrize(
    ("number", "zone"),
    [
        ("+380441234567", "Europe/Kyiv"),
        ("+48221234567", "Europe/Warsaw"),
        ("+4930123456", "Europe/Berlin"),  # Büsingen has a name of its own and the same clock
        ("+77172123456", "Asia/Almaty"),  # seven names, one clock since 2024
        ("+37122123456", "Europe/Riga"),
    ],
)
def test_a_country_with_one_time_gives_its_zone(number: str, zone: str) -> None:
    assert zone_of(number, "UTC") == zone


@pytest.mark.parametrize(
    "number",
    [
        "+12125550123",  # the United States
        "+79161234567",  # Russia
        "+34911234567",  # Spain, with the Canary Islands
        "+351211234567",  # Portugal, with the Azores
        "+80012345678",  # a number of no country
        "+999123456",  # a country code that nobody has
        "not a number",
        "",
        None,
    ],
)
def test_elsewhere_the_default_holds(number: str | None) -> None:
    assert zone_of(number, "Europe/Kyiv") == "Europe/Kyiv"


@given(st.from_regex(r"\+[1-9][0-9]{5,14}", fullmatch=True))
def test_every_number_has_a_zone_that_exists(number: str) -> None:
    assert is_zone(zone_of(number, "UTC"))


@given(st.text())
def test_any_text_is_a_zone_or_not(name: str) -> None:
    assert is_zone(name) in (True, False)
