"""The plan of troubles: what befalls whom, and when. It follows from the seed alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

T = TypeVar("T")

#: What befalls a process. Whoever is stopped goes on later.
KILL, STOP, GO_ON = "kill", "stop", "go on"
#: How the CRM answers: as it should, or one of its moods.
OK = "ok"
MOODS = ("429", "5xx_before", "5xx_after", "timeout_before", "timeout_after", "partial", "garbage")

#: Seconds from one blow to the next, and of a spell of the CRM's.
_BETWEEN_BLOWS = (1.5, 3.5)
_WELL, _UNWELL = (1.0, 5.0), (0.4, 1.5)
#: How long somebody is stopped: mostly shorter than a claim's lease, now and then longer, in seconds.
_SHORT, _LONG = (0.3, 1.5), (5.0, 7.0)


@dataclass(frozen=True, order=True)
class Trouble:
    """One thing that happens, so many seconds after the load began."""

    at: float
    whom: str  #: a process, or the account whose CRM changes its mood
    what: str


def plan(
    seed: int, duration_s: float, roles: Mapping[str, Sequence[str]], crms: Sequence[str], steady: Sequence[str] = ()
) -> list[Trouble]:
    """All troubles of a soak in their order. ``steady`` processes are never stopped, but killed."""
    chance = Random(seed)  # noqa: S311 - the same seed must bring the same troubles
    troubles = list(_blows(chance, duration_s, roles, steady))
    for crm in crms:
        troubles += _spells(chance, duration_s, crm)
    return sorted(trouble for trouble in troubles if trouble.at < duration_s)


def _blows(
    chance: Random, duration_s: float, roles: Mapping[str, Sequence[str]], steady: Sequence[str]
) -> Iterator[Trouble]:
    """Each role is killed twice and stopped once before anything comes again."""
    deck = _dealt(chance, [(role, what) for role in roles for what in (KILL, KILL, STOP)])
    at = chance.uniform(*_BETWEEN_BLOWS)
    while at < duration_s:
        role, what = next(deck)
        whom = chance.choice([name for name in roles[role] if what == KILL or name not in steady])
        yield Trouble(at, whom, what)
        if what == STOP:
            yield Trouble(at + chance.uniform(*chance.choice((_SHORT, _SHORT, _LONG))), whom, GO_ON)
        at += chance.uniform(*_BETWEEN_BLOWS)


def _spells(chance: Random, duration_s: float, crm: str) -> Iterator[Trouble]:
    moods = _dealt(chance, MOODS)
    at = chance.uniform(*_WELL)
    while at < duration_s:
        yield Trouble(at, crm, next(moods))
        at += chance.uniform(*_UNWELL)
        yield Trouble(at, crm, OK)
        at += chance.uniform(*_WELL)


def _dealt(chance: Random, cards: Sequence[T]) -> Iterator[T]:
    while True:
        yield from chance.sample(cards, len(cards))
