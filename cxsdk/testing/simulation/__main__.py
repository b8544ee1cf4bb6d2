"""``python -m cxsdk.testing.simulation --seed N --days D``: one simulation, or one for each of several seeds."""

from __future__ import annotations

import sys

import click

from cxsdk.testing.simulation import Simulation, Violation


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="The seed, or the first of them.")
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="How many seeds to try.")
@click.option("--days", type=click.IntRange(min=1), default=30, show_default=True, help="Days to simulate with each.")
@click.option("--history", is_flag=True, help="Print all that happened.")
def main(seed: int, seeds: int, days: int, history: bool) -> None:
    """Runs the real journeys on a virtual clock, with everything that can go wrong.

    Exits with 1 where something happened that must never happen; the same seed shows it again.
    """
    for number in range(seed, seed + seeds):
        simulation = Simulation(number)
        try:
            report = simulation.run(days=days)
        except Violation as violation:
            click.echo(str(violation), err=True)
            sys.exit(1)
        finally:
            if history:
                click.echo(b"\n".join(simulation.history))
        click.echo(str(report), err=history)


if __name__ == "__main__":
    main()
