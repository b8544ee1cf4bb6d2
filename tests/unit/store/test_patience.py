"""Who loses a race tries again; who always does is told."""

from __future__ import annotations

import pytest

from cxsdk import CxsdkError
from cxsdk.store import LostRace, patience


class Act:
    """Loses so many races."""

    def __init__(self, loses: int) -> None:
        self.left, self.tries = loses, 0

    def __call__(self, given: str) -> str:
        self.tries += 1
        if self.left:
            self.left -= 1
            raise LostRace
        return given


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST_S", 0)


@pytest.mark.parametrize("loses", [0, 1, patience.TRIES - 1])
def test_a_race_that_is_lost_is_run_again(loses: int) -> None:
    act = Act(loses)
    assert patience.patient(act)("it") == "it"
    assert act.tries == loses + 1


def test_who_loses_every_race_says_so() -> None:
    act = Act(99)
    with pytest.raises(CxsdkError, match="run it once more") as caught:
        patience.patient(act)("it")
    assert (caught.value.code, act.tries) == ("race_lost", patience.TRIES)


def test_another_error_is_not_waited_for() -> None:
    def fails() -> None:
        raise KeyError("id")

    with pytest.raises(KeyError):
        patience.patient(fails)()
