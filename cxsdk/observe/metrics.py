"""Counters of this process, for health pages and tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from threading import Lock

_lock = Lock()
_counts: Counter[tuple[str, tuple[tuple[str, object], ...]]] = Counter()


def count(name: str, n: int = 1, /, **labels: object) -> None:
    """Adds to a counter; labels tell its kinds apart and must have few values (an account, never a customer)."""
    key = (name, tuple(labels.items()))
    with _lock:
        _counts[key] += n


def snapshot() -> dict[str, int]:
    """All counters since the process began, by their series: ``http_answers{account="acme",status="200"}``."""
    with _lock:
        counts = list(_counts.items())
    series: Counter[str] = Counter()
    for (name, labels), n in counts:
        series[_series(name, labels)] += n
    return dict(sorted(series.items()))


def _series(name: str, labels: Iterable[tuple[str, object]]) -> str:
    pairs = ",".join(f'{label}="{value}"' for label, value in sorted(labels))
    return f"{name}{{{pairs}}}" if pairs else name
