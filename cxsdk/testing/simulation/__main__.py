"""``python -m cxsdk.testing.simulation --seed N --days D``: one simulation, or one for each of several seeds."""

from __future__ import annotations

import sys

import click

from cxsdk.testing.simulation.seeds import outcomes


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="The seed, or the first of them.")
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="How many seeds to try.")
@click.option("--days", type=click.IntRange(min=1), default=30, show_default=True, help="Days to simulate with each.")
@click.option("--jobs", type=click.IntRange(min=1), help="How many seeds at once; by default one on each core.")
@click.option("--history", is_flag=True, help="Print all that happened.")
def main(seed: int, seeds: int, days: int, jobs: int | None, history: bool) -> None:
    """Runs the real journeys on a virtual clock, with everything that can go wrong.

    Exits with 1 where something happened that must never happen; the same seed shows it again.
    """
    for outcome in outcomes(range(seed, seed + seeds), days, jobs):
        if history:
            click.echo(b"\n".join(outcome.history))
        click.echo(outcome.told, err=history or not outcome.is_well)
        if not outcome.is_well:
            sys.exit(1)


if __name__ == "__main__":
    main()
