"""Webhooks that are answered 202 in a second, at 64 connections: ours are on disk by then, the baseline's in Redis."""

from __future__ import annotations

from contextlib import AbstractContextManager

from tests.benchmarks.bench import Bench
from tests.benchmarks.figure import Run, Sides
from tests.benchmarks.sides import Side, both, naive, ours

#: Nobody works off what is taken: web alone is measured.
ALONE = ("web",)


def answers(database: str) -> Sides:
    """The figure on one kind of database."""

    def sides(bench: Bench) -> tuple[Run, Run]:
        us, them = bench.scene(f"answers {database}", lambda: both(_ours(bench, database), naive(bench, ALONE)))
        return lambda: _per_second(us), lambda: _per_second(them)

    return sides


def _ours(bench: Bench, database: str) -> AbstractContextManager[Side]:
    return ours(bench, bench.sqlite() if database == "sqlite" else bench.postgres(), ALONE)


def _per_second(side: Side) -> float:
    count = side.bench.size.requests
    sent = side.send(count)
    return count / (sent.ended - sent.began)
