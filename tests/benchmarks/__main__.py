"""``make bench``: prints one line of JSON for each figure."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.benchmarks import page
from tests.benchmarks.bench import Bench
from tests.benchmarks.figure import measure, read_lines
from tests.benchmarks.figures import FIGURES
from tests.benchmarks.sizes import SIZES
from tests.servers.__main__ import stop_cleanly

NAMES = [figure.name for figure in FIGURES]


def main(arguments: Sequence[str]) -> int:
    """Measures what was asked for; whether a figure is as expected is told, and no failure."""
    stop_cleanly()
    given = _read(arguments)
    wanted = [figure for figure in FIGURES if figure.name in (given.figure or NAMES)]
    known = {measured.name: measured for path in given.found for measured in read_lines(path)}
    found = []
    with ExitStack() as stack:
        bench = Bench(replace(SIZES[given.size], **dict(given.set)), stack)
        for figure in wanted:
            measured = known.get(figure.name) or measure(figure, bench)
            print(measured.line(), flush=True)
            found.append((figure, measured))
    if given.write:
        page.write(found, bench.size)
    return 0


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="make bench")
    options.add_argument("--figure", action="append", choices=NAMES, help="only this one")
    options.add_argument("--size", choices=SIZES, default="full")
    options.add_argument("--set", action="append", default=[], type=_amount, metavar="NAME=VALUE", help="see sizes.py")
    options.add_argument(
        "--found", action="append", default=[], type=Path, metavar="FILE",
        help="what an earlier run on this machine printed: its figures are taken from there",
    )  # fmt: skip
    options.add_argument("--write", action="store_true", help=f"write {page.PAGE.name}; only of all figures")
    given = options.parse_args(arguments)
    if given.write and given.figure:
        options.error("--write is for all figures")
    return given


def _amount(given: str) -> tuple[str, int]:
    name, _, value = given.partition("=")
    return name, int(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
