"""Python's collector of garbage in processes that work for months."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from cxsdk_workers.collecting import collect_less_often


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Circle:
    """Points to itself: nothing but the collector ends it."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_there_when_work_begins_is_not_looked_through_again() -> None:
    collect_less_often()
    assert gc.get_freeze_count() > 10_000


def test_circles_that_work_leaves_behind_still_go() -> None:
    collect_less_often()
    gone = weakref.ref(Circle())
    left = [Circle() for _ in range(2 * gc.get_threshold()[0])]
    assert left
    assert gone() is None
