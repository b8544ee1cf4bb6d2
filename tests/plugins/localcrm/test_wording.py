"""How values read on a page, and which links may be followed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.testing import NOW
from cxsdk_localcrm import wording
from cxsdk_localcrm.database import stamp


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://pbx.example.com/1.mp3", True),
        ("http://pbx.example.com:8080/1.mp3?a=1", True),
        ("HTTPS://PBX.EXAMPLE.COM/1", True),
        ("javascript:alert(1)", False),
        ("JavaScript:alert(1)", False),
        (" javascript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("\x01javascript:alert(1)", False),
        ("data:text/html,<script>alert(1)</script>", False),
        ("//pbx.example.com/1.mp3", False),
        ("https:alert(1)", False),
        ("https://[", False),
        ("file:///etc/hosts", False),
        ("recording 17", False),
        ("", False),
    ],
)
def test_only_web_addresses_become_links(url: str, safe: bool) -> None:
    assert wording.is_web_link(url) is safe


@given(st.text() | st.builds("javascript:{}".format, st.text()))
def test_whatever_a_recording_is_called_it_is_a_link_only_if_it_begins_like_one(url: str) -> None:
    if wording.is_web_link(url):
        assert url.lstrip("".join(map(chr, range(33)))).lower().startswith("http")


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(minutes=4, seconds=59), "in 4 min"),
        (timedelta(hours=2, minutes=5), "in 2 h 5 min"),
        (timedelta(days=3, hours=4, minutes=59), "in 3 d 4 h"),
        (timedelta(0), "in 0 min"),
        (timedelta(seconds=-1), "0 min late"),
        (timedelta(hours=-26), "1 d 2 h late"),
    ],
)
def test_a_due_time_says_how_far_away_it_is(left: timedelta, said: str) -> None:
    assert wording.due(stamp(NOW + left), NOW) == said
    assert wording.is_late(stamp(NOW + left), NOW) is said.endswith("late")


@pytest.mark.parametrize(("seconds", "said"), [(0, "0:00"), (65, "1:05"), (3723, "1:02:03")])
def test_a_call_lasts_minutes_and_seconds(seconds: int, said: str) -> None:
    assert wording.duration(seconds) == said


@pytest.mark.parametrize(
    ("kind", "direction", "state", "said"),
    [
        ("call", "inbound", "missed", "Missed call"),
        ("call", "outbound", "missed", "Call to the customer, not answered"),
        ("call", "outbound", "ended", "Call to the customer"),
        ("email", "inbound", None, "E-mail from the customer"),
        ("survey", "outbound", None, "Survey sent"),
        ("survey", "inbound", None, "Survey answered"),
        ("note", "inbound", None, "Note"),
    ],
)
def test_a_contact_is_called_what_it_was(kind: str, direction: str, state: str | None, said: str) -> None:
    assert wording.contact({"kind": kind, "direction": direction, "state": state}) == said
