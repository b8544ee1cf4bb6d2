"""AMI's framing: messages are whole, wherever packets begin and end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxsdk_asterisk.messages import END, LONGEST, Framing, began_at, read_epoch, read_message, write_message

NAMES = st.text("Aab-", min_size=1, max_size=6)
VALUES = st.text("aé:-<> \N{HEDGEHOG}", max_size=12).map(str.strip)
MESSAGES = st.lists(st.dictionaries(NAMES, VALUES, min_size=1, max_size=5), max_size=6)


@settings(max_examples=30)
@given(MESSAGES, st.data())
def test_messages_are_the_same_however_the_stream_is_cut(messages: list[dict[str, str]], data: st.DataObject) -> None:
    stream = b"".join(write_message(**message) for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    framing = Framing()
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    frames = [frame for piece in pieces for frame in framing.feed(piece)]
    assert [f"{frame.decode()}\r\n\r\n".encode() for frame in frames] == [write_message(**each) for each in messages]


@settings(max_examples=30)
@given(NAMES, VALUES)
def test_what_is_written_is_read(name: str, value: str) -> None:
    [frame] = Framing().feed(write_message(**{name: value}))
    assert read_message(frame) == {name.lower(): "" if value == "<unknown>" else value}


@given(st.binary(max_size=300))
def test_no_bytes_are_too_strange_to_be_read(body: bytes) -> None:
    framing = Framing()
    for frame in framing.feed(body):
        assert END not in frame
        assert all("\0" not in value for value in read_message(frame).values())


def test_what_never_ends_is_no_message() -> None:
    framing = Framing()
    assert framing.feed(b"x" * LONGEST) == []
    with pytest.raises(ValueError, match="no message ends"):
        framing.feed(b"x")


@pytest.mark.parametrize("value", ["a\r\nAction: Originate", "a\n", "\r"])
def test_no_value_begins_another_line(value: str) -> None:
    with pytest.raises(ValueError, match="line break") as refused:
        write_message(Secret=value)
    assert value not in str(refused.value)


def test_a_channel_tells_when_it_was_made() -> None:
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert began_at("1767614400.17") == began_at("new-york-1767614400.17") == at
    assert began_at("none") is None


@given(st.text(max_size=20))
def test_no_time_is_too_strange(text: str) -> None:
    assert read_epoch(text) is None or read_epoch(text).tzinfo is UTC  # type: ignore[union-attr]
