"""The verdict: what was acknowledged, compared with the ledgers of the CRMs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from tests.soak.ledger import Entry


@dataclass(frozen=True)
class Verdict:
    """What went wrong, by name; and how late the slowest hundredth was, in seconds."""

    acked: int
    lost: list[str]  #: acknowledged, and in no ledger
    doubled: list[str]  #: each once for every time that it was stored too often
    late_p99_s: float

    @property
    def is_clean(self) -> bool:
        """Whether all is there, once."""
        return not self.lost and not self.doubled


def judge(acked: Mapping[str, float], ledger: Iterable[Entry]) -> Verdict:
    """Compares when things were acknowledged with when they were first stored."""
    entries = sorted(ledger, key=lambda entry: entry.at)
    stored = {entry.what: entry.at for entry in reversed(entries)}
    times = Counter(entry.what for entry in entries)
    late = [max(0.0, stored[what] - at) for what, at in acked.items() if what in stored]
    return Verdict(
        acked=len(acked),
        lost=sorted(acked.keys() - stored.keys()),
        doubled=sorted((times - Counter(stored.keys())).elements()),
        late_p99_s=round(_percentile(late, 0.99), 2),
    )


def _percentile(values: Collection[float], share: float) -> float:
    """The value that so great a share does not exceed; 0 of none."""
    return sorted(values)[math.ceil(share * len(values)) - 1] if values else 0.0
