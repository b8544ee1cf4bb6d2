"""The simulation: the same seed gives the same history, nothing is lost or doubled in it, and mistakes are found.

The seeds are drawn from the code itself: each change of it tries others, and the same code the same ones. With
``CXSDK_TEST_SEEDS=1000-1040`` these are tried instead.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

import cxsdk
from cxsdk.journeys import contacts
from cxsdk.store import inbox, interactions, outbox
from cxsdk.store.inbox import Arrival, Stored
from cxsdk.testing import Simulation
from cxsdk.testing.simulation import Violation, company
from cxsdk.testing.simulation.scenario import Scenario
from cxsdk.testing.simulation.seeds import outcomes

DAYS = 5
#: How many seeds are tried each time.
SEEDS = 5
#: A mistake is found within so many seeds, on rough days.
ENOUGH = 8
ROUGH_DAYS = 3

CODE = Path(cxsdk.__file__).parent


def _seeds() -> range:
    asked = os.environ.get("CXSDK_TEST_SEEDS")
    if asked:
        first, _, last = asked.partition("-")
        return range(int(first), int(last or first) + 1)
    code = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(CODE.rglob("*.py"))))
    first_of_code = int.from_bytes(code.digest()[:3], "big")
    return range(first_of_code, first_of_code + SEEDS)


Plant = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.parametrize("seed", _seeds())
def test_days_of_contacts_surveys_and_troubles_end_with_all_is_well(seed: int) -> None:
    report = Simulation(seed).run(days=DAYS)
    assert report.least["contacts"] >= 30
    assert report.least["purchases"] >= 5
    assert report.least["troubles"] >= 3


def test_a_seed_tells_the_same_history_in_every_process() -> None:
    again = Simulation(5)
    again.run(days=1)
    assert [_told(5, hash_seed) for hash_seed in ("1", "2")] == [b"\n".join(again.history)] * 2


def _told(seed: int, hash_seed: str) -> bytes:
    command = [sys.executable, "-m", "cxsdk.testing.simulation", "--seed", str(seed), "--days", "1", "--history"]
    done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, check=True)
    return done.stdout.rstrip(b"\n")


def test_seeds_that_run_at_once_tell_what_each_tells_alone() -> None:
    together = list(outcomes([5, 6], days=1, jobs=2))
    assert [outcome.is_well for outcome in together] == [True, True]
    assert [outcome.history for outcome in together] == [outcome.history for outcome in outcomes([5, 6], 1, jobs=1)]


def test_another_seed_is_another_history() -> None:
    one, other = Simulation(5), Simulation(6)
    one.run(days=1)
    other.run(days=1)
    assert one.history != other.history


def test_a_failing_run_prints_what_shows_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _lose_what_was_acknowledged(monkeypatch)
    with pytest.raises(Violation) as first:
        Simulation(3).run(days=1)
    printed = re.search(r"python -m cxsdk\.testing\.simulation --seed (\d+) --days (\d+)", str(first.value))
    assert printed is not None
    with pytest.raises(Violation) as again:
        Simulation(int(printed[1])).run(days=int(printed[2]))
    assert str(again.value) == str(first.value)


# Mistakes


def _lose_what_was_acknowledged(patch: pytest.MonkeyPatch) -> None:
    put = inbox.put

    def lose_the_first(store: Any, tx: Any, arrivals: list[Arrival]) -> list[Stored]:
        return [Stored.NEW, *put(store, tx, arrivals[1:])]

    patch.setattr(inbox, "put", lose_the_first)


def _forget_the_mark(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbox, "mark", lambda *_: None)


def _sweep_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(company, "sweep", lambda _: [])


def _fold_each_event_for_itself(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(interactions, "id_of", lambda account, fact: interactions.stable_id(account, fact.key))


def _wait_for_no_person(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(contacts, "owe_people", lambda *_: set())


#: What is planted, and what is seen of it.
MISTAKES: dict[Plant, str] = {
    _lose_what_was_acknowledged: r"is not in the CRM|they had opted out",
    _forget_the_mark: r"#\d+ (is in the CRM|was sent) 2 times",
    _sweep_nothing: r"something is owed for ever",
    _fold_each_event_for_itself: r"#\d+ is in the CRM \d+ times",
    _wait_for_no_person: r"The CRM has no person for it",
}


def _make_rough(patch: pytest.MonkeyPatch) -> None:
    """A CRM that can only be searched, and more troubles than usual."""
    drawn = Scenario.drawn

    def rough(rng: Random) -> Scenario:
        return replace(drawn(rng), duplicates="lookup", mail_duplicates="lookup", batch_size=10, roughness=4)

    patch.setattr(Scenario, "drawn", rough)


@pytest.mark.parametrize("plant", MISTAKES, ids=lambda plant: plant.__name__.strip("_"))
def test_a_mistake_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    _make_rough(monkeypatch)
    plant(monkeypatch)
    with pytest.raises(Violation, match=MISTAKES[plant]):
        _run_seeds()


def _run_seeds() -> None:
    for seed in range(1, 1 + ENOUGH):
        Simulation(seed).run(days=ROUGH_DAYS)
