"""How many of those who were asked have answered."""

from __future__ import annotations

from cxsdk.metrics.intervals import Estimate, share


def response_rate(answered: int, sent: int) -> Estimate | None:
    """Answered invitations / invitations that went out x 100 %, 0 to 100."""
    rate = share(answered, sent)
    return rate.times(100) if rate else None
