"""Counters of this process, for health pages and tests."""

from __future__ import annotations

from collections import Counter
from threading import Lock

_lock = Lock()
_counts: Counter[str] = Counter()


def count(name: str, n: int = 1, /, **labels: object) -> None:
    """Adds to a counter; labels tell its kinds apart and must have few values (an account, never a customer)."""
    key = _series(name, labels)
    with _lock:
        _counts[key] += n


def snapshot() -> dict[str, int]:
    """All counters since the process began, by their series: ``http_answers{account="acme",status="200"}``."""
    with _lock:
        return dict(sorted(_counts.items()))


def _series(name: str, labels: dict[str, object]) -> str:
    pairs = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{pairs}}}" if pairs else name
