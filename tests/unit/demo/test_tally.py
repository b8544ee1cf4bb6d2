"""Counting by the senders' numbers."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cxsdk.demo.ledger import Ledger, Way, find_reference, reference
from cxsdk.demo.tally import Count, count_contacts, number_of


def entry(text: str = "", comment: str = "", recording_url: str | None = None) -> dict[str, Any]:
    return {"text": text, "comment": comment, "recording_url": recording_url}


def sent(ledger: Ledger, way: Way = Way.IN) -> int:
    """A contact that our side acknowledged."""
    number = ledger.number(way)
    ledger.acknowledge(number)
    return number


@given(st.integers(0, 9_999_999), st.text(max_size=20).filter(lambda text: "ref" not in text))
def test_a_number_is_found_where_it_was_put(number: int, around: str) -> None:
    assert find_reference(f"{around} {reference(number)}") == number


def test_a_number_is_found_in_a_text_a_comment_or_a_recordings_name() -> None:
    assert number_of(entry(text="Hello. ref #0000012")) == 12
    assert number_of(entry(comment="Talked. ref #0000013")) == 13
    assert number_of(entry(recording_url="https://pbx.example.com/recordings/ref-0000014.wav")) == 14
    assert number_of(entry(text="We asked how likely they are to recommend us.")) is None


def test_what_a_contact_quotes_comes_after_its_own_number() -> None:
    assert number_of(entry(text="Thank you. ref #0000002\n> When? ref #0000001")) == 2


def test_a_contact_is_logged_doubled_or_lost() -> None:
    ledger = Ledger()
    once, twice, _ = sent(ledger), sent(ledger), sent(ledger)
    entries = [entry(reference(number)) for number in (once, twice, twice)]
    assert count_contacts(entries, ledger)[Way.IN] == Count(received=3, logged=2, doubled=1, lost=1)


def test_what_was_never_acknowledged_is_not_lost() -> None:
    ledger = Ledger()
    ledger.number(Way.IN)
    assert count_contacts([], ledger)[Way.IN] == Count(received=0, logged=0, doubled=0, lost=0)


def test_contacts_in_and_out_are_counted_apart() -> None:
    ledger = Ledger()
    sent(ledger, Way.IN)
    out = sent(ledger, Way.OUT)
    counted = count_contacts([entry(reference(out))], ledger)
    assert (counted[Way.IN].lost, counted[Way.OUT].lost) == (1, 0)
