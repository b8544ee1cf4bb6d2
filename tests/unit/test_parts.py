"""Long messages: cut into parts that the channel takes, and sent as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import Channel, Choice, Message, Receipt, Transient
from cxsdk.domain.outward import Outcome
from cxsdk.domain.parts import fits, parts_of, split_text
from cxsdk.journeys.parts import send_whole


class Pager(Channel):
    """Takes ten units; what it does with each text stands in its script."""

    message_length = 10
    batch_size = 5

    def open(self, context: object) -> None:
        self._calls: list[list[str]] = []
        self._keys: list[str] = []
        self._script: dict[str, Receipt | Exception] = {}

    @property
    def calls(self) -> list[list[str]]:
        """The texts of each call so far."""
        return self._calls

    @property
    def keys(self) -> list[str]:
        """The keys of what was accepted."""
        return self._keys

    def answers(self, text: str, answer: Receipt | Exception) -> None:
        """The next time, the text is answered like this."""
        self._script[text] = answer

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        self._calls.append([message.text for message in messages])
        for message in messages:
            answer = self._script.pop(message.text, Receipt.accepted(f"id-{message.key}"))
            if isinstance(answer, Exception):
                raise answer
            if answer.is_done:
                self._keys.append(message.key)
            yield answer


class LookupPager(Pager):
    """Can tell what it took."""

    duplicates = "lookup"

    def find_written(self, keys: Sequence[str]) -> Iterable[str | None]:
        return [f"id-{key}" if key in self.keys else None for key in keys]


@pytest.fixture
def pager() -> Pager:
    pager = Pager()
    pager.open(None)
    return pager


def message(text: str, key: str = "k", **fields: object) -> Message:
    return Message.model_validate({"key": key, "to": "1", "text": text, **fields})


def sent(channel: Channel, *texts: str) -> list[Receipt]:
    return list(send_whole(channel, [message(text, f"k{n}") for n, text in enumerate(texts)]))


# -- cutting


@given(st.text("ab \n😀я", max_size=60), st.integers(2, 30))
def test_parts_hold_the_whole_text_and_fit(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(fits(part, limit) for part in parts)
    assert len(parts) == 1 or all(part.strip() for part in parts)


@given(st.text("ab😀", max_size=30), st.integers(2, 30))
def test_a_text_fits_if_its_utf_16_is_no_longer_than_the_limit(text: str, limit: int) -> None:
    assert fits(text, limit) == (len(text.encode("utf-16-le")) // 2 <= limit)


def test_without_a_limit_everything_fits() -> None:
    assert fits("x" * 1_000_000, None)


def test_a_text_of_just_the_limit_is_one_part() -> None:
    assert split_text("x" * 10, 10) == ["x" * 10]
    assert split_text("x" * 11, 10) == ["x" * 10, "x"]


def test_a_text_is_cut_between_lines_or_else_between_words() -> None:
    assert split_text("one two\nthree four", 10) == ["one two", "three four"]
    assert split_text("three four", 8) == ["three", "four"]
    assert split_text("three four", 5) == ["three", "four"]


def test_the_last_part_has_the_key_and_the_buttons_and_the_first_one_is_the_reply() -> None:
    yes = Choice(label="Yes", data="t:solved:1")
    link = "https://a.b/c"
    whole = message(f"{'word ' * 5}{link}", html="<p>…</p>", choices=(yes,), in_reply_to="r", link=link)
    parts = parts_of(whole, 15)
    assert [part.key for part in parts] == ["k-1", "k-2", "k"]
    assert [part.choices for part in parts] == [(), (), (yes,)]
    assert [part.in_reply_to for part in parts] == ["r", None, None]
    assert [part.link for part in parts] == [None, None, link]
    assert not any(part.html for part in parts)


# -- sending


def test_what_fits_goes_out_in_one_call(pager: Pager) -> None:
    assert [receipt.id for receipt in sent(pager, "one", "two")] == ["id-k0", "id-k1"]
    assert pager.calls == [["one", "two"]]


def test_a_long_text_goes_out_alone_part_by_part_and_in_its_place(pager: Pager) -> None:
    receipts = sent(pager, "one", "three four five", "six", "seven")
    assert pager.calls == [["one"], ["three four"], ["five"], ["six", "seven"]]
    assert [receipt.id for receipt in receipts] == ["id-k0", "id-k1", "id-k2", "id-k3"]


def test_a_refusal_of_the_first_part_is_a_refusal_of_the_whole(pager: Pager) -> None:
    pager.answers("three four", Receipt.rejected("no"))
    first, second = sent(pager, "three four five", "six")
    assert (first.outcome, first.reason) == (Outcome.REJECTED, "no")
    assert second.is_done
    assert pager.calls == [["three four"], ["six"]]


def test_an_error_at_the_first_part_speaks_of_this_message_and_those_after_it(pager: Pager) -> None:
    pager.answers("three four", Transient("busy"))
    receipts = iter(send_whole(pager, [message("one"), message("three four five"), message("six")]))
    assert next(receipts).is_done
    with pytest.raises(Transient):
        next(receipts)


@pytest.mark.parametrize("answer", [Receipt.rejected("no"), Receipt.deferred("later"), Transient("busy")])
def test_what_breaks_off_in_between_is_unknown_so_that_nobody_reads_it_twice(
    pager: Pager, answer: Receipt | Exception
) -> None:
    pager.answers("five", answer)
    [receipt] = sent(pager, "three four five")
    assert receipt.outcome is Outcome.UNKNOWN
    assert "1 of 2 parts" in receipt.reason


def test_where_the_channel_can_tell_only_the_missing_parts_are_sent_again() -> None:
    pager = LookupPager()
    pager.open(None)
    pager.answers("five", Transient("busy"))
    assert sent(pager, "three four five")[0].outcome is Outcome.UNKNOWN
    [again] = sent(pager, "three four five")
    assert again == Receipt.accepted("id-k0")
    assert pager.calls == [["three four"], ["five"], ["five"]]


@pytest.mark.parametrize("number", [0, 2])
def test_a_wrong_number_of_receipts_is_never_taken_for_those_of_another_message(number: int) -> None:
    class Miscounting(Pager):
        def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
            yield from [Receipt.accepted("x")] * (number if messages[0].text == "one" else 1)

    receipts = send_whole(Miscounting(), [message("one"), message("three four five")])
    with pytest.raises(ValueError, match="zip"):
        list(receipts)
