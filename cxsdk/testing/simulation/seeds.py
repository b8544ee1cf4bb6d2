"""Simulations of many seeds, as many at once as there are cores."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

from cxsdk.testing.simulation.simulation import Simulation, Violation


class Outcome(NamedTuple):
    """What became of a seed: what there is to say of it, and its history."""

    told: str
    is_well: bool
    history: Sequence[bytes]


def outcomes(seeds: Sequence[int], days: int, jobs: int | None = None) -> Iterator[Outcome]:
    """What became of each seed, in their order; ``jobs`` of them run at once, by default one on each core."""
    run, jobs = partial(_outcome, days), min(jobs or os.cpu_count() or 1, len(seeds))
    if jobs == 1:
        yield from map(run, seeds)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(run, seeds)
        finally:
            pool.shutdown(cancel_futures=True)  # where one has failed, nobody waits for the others


def _outcome(days: int, seed: int) -> Outcome:
    simulation = Simulation(seed)
    try:
        told, is_well = str(simulation.run(days=days)), True
    except Violation as violation:
        told, is_well = str(violation), False
    return Outcome(told, is_well, simulation.history)
