"""Python's collector of garbage in a process that works for months.

Almost everything goes when the last name for it goes; the collector only finds what points to itself in a circle. By
its defaults it looks for that after each 700 new objects, a few contacts' worth, and again and again through all that
was imported, which took an eighth of a worker's time.
"""

from __future__ import annotations

import gc

#: After how many new objects the youngest are looked through: more than a batch of contacts is made of.
YOUNGEST = 20_000


def collect_less_often() -> None:
    """Looks through new objects more rarely, and never again through what is there now."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNGEST, *gc.get_threshold()[1:])
