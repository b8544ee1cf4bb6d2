"""Crash points: named after the code that passes them, and deadly to whom one was told."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from cxsdk.domain.clock import SystemClock
from cxsdk.observe import crashing
from cxsdk.observe.crashing import calling, passing
from cxsdk.store import Store

HERE = __name__.removeprefix("cxsdk.")


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    kills: list[int] = []

    def kill(pid: int, number: int) -> None:
        assert pid == os.getpid()
        kills.append(number)

    monkeypatch.setattr(os, "kill", kill)
    yield kills
    crashing.arm("")


def commit(store: Store) -> None:
    with store.write():
        pass


def call(what: str = "") -> None:
    with calling(what):
        pass


def test_nobody_is_killed_at_a_point_of_which_nothing_was_told(kills: list[int]) -> None:
    passing("by")
    call()
    crashing.arm(f"{HERE}:call/before call")
    crashing.arm("")
    call()
    assert kills == []


def test_a_process_is_killed_once_when_it_passes_its_point(kills: list[int]) -> None:
    crashing.arm(f"{HERE}:test_a_process_is_killed_once_when_it_passes_its_point/by")
    passing("another")
    assert kills == []
    passing("by")
    passing("by")
    assert kills == [signal.SIGKILL]


def test_a_later_passage_can_be_meant(kills: list[int]) -> None:
    crashing.arm(f"{HERE}:call/after call@3")
    call()
    call()
    assert kills == []
    call()
    assert kills == [signal.SIGKILL]


@pytest.mark.parametrize("moment", ["before commit", "after commit"])
def test_a_commit_is_named_after_whoever_opened_the_transaction(kills: list[int], moment: str) -> None:
    crashing.arm(f"{HERE}:commit/{moment}")
    with closing(Store("sqlite://", SystemClock())) as store:
        commit(store)
    assert kills == [signal.SIGKILL]


def test_a_transaction_that_is_rolled_back_passes_no_point(kills: list[int]) -> None:
    crashing.arm(f"{HERE}:test_a_transaction_that_is_rolled_back_passes_no_point/before commit")
    with closing(Store("sqlite://", SystemClock())) as store, pytest.raises(ZeroDivisionError), store.write():
        _ = 1 / 0
    assert kills == []


def test_the_library_of_contexts_lies_between(kills: list[int]) -> None:
    crashing.arm(f"{HERE}:test_the_library_of_contexts_lies_between/after some call")
    with ExitStack() as stack:
        stack.enter_context(calling("some"))
        assert kills == []
    assert kills == [signal.SIGKILL]


def test_a_call_that_fails_has_no_after(kills: list[int]) -> None:
    crashing.arm(f"{HERE}:test_a_call_that_fails_has_no_after/after call")
    with pytest.raises(OSError, match="away"), calling():
        raise OSError("away")
    assert kills == []
