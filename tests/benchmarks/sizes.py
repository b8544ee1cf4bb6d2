"""How much is measured: enough for figures that hold, or so little that one only sees that they can be had."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """The amounts behind the figures; ``--set NAME=VALUE`` changes one of them."""

    runs: int  #: of each side
    regulars: int  #: customers who call again and again; ours knows each before anything is counted
    many: int  #: contacts of a run into a CRM that takes 100 at once
    few: int  #: contacts of a run that calls the CRM for each of them
    lasting: int  #: the same, so many that how a run begins and ends weighs little
    requests: int  #: webhooks of a run that only counts answers
    steady_s: int  #: how long a steady load lasts, in seconds
    singles: int  #: contacts of a run that come alone
    waiting: int  #: rows of the future in a large table
    waiting_little: int  #: and in a small one
    batches: int  #: claims or inserts of a run
    long_life: int  #: contacts after which a worker is old
    short_life: int  #: and while it is young


SIZES = {
    "full": Size(
        runs=3, regulars=10_000, many=15_000, few=1_000, lasting=3_000, requests=20_000, steady_s=10, singles=15,
        waiting=10_000_000, waiting_little=10_000, batches=20, long_life=1_000_000, short_life=10_000,
    ),
    "smoke": Size(
        runs=1, regulars=20, many=200, few=40, lasting=40, requests=200, steady_s=1, singles=2,
        waiting=5_000, waiting_little=1_000, batches=2, long_life=400, short_life=100,
    ),
}  # fmt: skip
