"""A source of days: each is read once, as soon as it has come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import Page, Raw, each_day

MORNING = datetime(2026, 1, 5, 8, tzinfo=UTC)
DAY = timedelta(days=1)
PER_DAY = 5


def two_by_two(day: date, after: str) -> Iterator[tuple[Sequence[Raw], str]]:
    """Five records a day, numbered."""
    for start in range(int(after or 0), PER_DAY, 2):
        numbers = range(start, min(start + 2, PER_DAY))
        yield [Raw.of([str(day), number]) for number in numbers], str(numbers[-1] + 1)


def walk(cursor: str | None, now: datetime, pages: int = 1_000) -> list[Page]:
    return list(islice(each_day(two_by_two, cursor, Event(), now), pages))


def read(pages: Sequence[Page]) -> list[tuple[str, int]]:
    return [tuple(json.loads(raw.body)) for page in pages for raw in page.items]


def of(*days: str) -> list[tuple[str, int]]:
    return [(day, number) for day in days for number in range(PER_DAY)]


@pytest.mark.parametrize(
    ("cursor", "now", "days"),
    [
        (None, MORNING, []),
        (None, MORNING + timedelta(hours=4), ["2026-01-05"]),
        ("2026-01-04", MORNING, []),
        ("2026-01-04", MORNING + timedelta(hours=4), ["2026-01-05"]),
        ("2026-01-05", MORNING + timedelta(hours=4), []),
        ("2026-01-02", MORNING, ["2026-01-03", "2026-01-04"]),
        ("2026-02-01", MORNING, []),
    ],
)
def test_a_day_is_read_from_its_noon_on(cursor: str | None, now: datetime, days: list[str]) -> None:
    assert read(walk(cursor, now)) == of(*days)


def test_a_first_reading_leaves_a_cursor_before_there_is_anything() -> None:
    assert walk(None, MORNING) == [Page(cursor="2026-01-04")]


def test_within_a_day_reading_goes_on_behind_the_last_page() -> None:
    [first, second, *rest] = walk("2026-01-04", MORNING + DAY / 2)
    assert read(walk(second.cursor, MORNING + DAY / 2)) == read(rest) == [("2026-01-05", 4)]
    assert first.cursor != second.cursor


def test_a_reading_that_is_stopped_ends_after_its_page() -> None:
    stop = Event()
    stop.set()
    assert len(list(each_day(two_by_two, "2026-01-04", stop, MORNING + DAY / 2))) == 1


@given(st.lists(st.tuples(st.timedeltas(timedelta(0), DAY * 4), st.integers(0, 9)), max_size=8))
def test_whenever_it_is_read_and_wherever_it_breaks_off_each_day_comes_once(
    polls: list[tuple[timedelta, int]],
) -> None:
    cursor, now, found = "2026-01-04", MORNING, []
    for wait, pages in polls:
        now += wait
        brought = walk(cursor, now, pages)
        found += read(brought)
        cursor = str(brought[-1].cursor) if brought else cursor
    found += read(walk(cursor, now))
    passed = ((now - DAY / 2).date() - date(2026, 1, 4)).days
    assert found == of(*(str(date(2026, 1, 4) + DAY * n) for n in range(1, passed + 1)))
