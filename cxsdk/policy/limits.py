"""How much of its limits an account may still use. Pure: the meters of an account go in and come out.

Each limit is a leaky meter: what is used fills it, and it drains evenly. With a burst of ``b`` out of ``n`` calls in a
time, it drains so slowly that any such time sees at most ``n`` calls, wherever the provider's own window begins:
``b`` at once, and ``n - b + 1`` spread over the time that begins with the first of them (the generic cell rate
algorithm, ITU-T I.371).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cxsdk.domain.limits import Limit, Meter, Meters, Usage

#: Which part of a limit may be used at once, unless the limit says otherwise.
BURST = 0.1
#: No wait is shorter, in seconds: a moment that a database cannot tell from now would be asked about for ever.
LEAST_WAIT_S = 0.001
#: One permit in so many goes to whoever asks, also while somebody more urgent waits: nobody starves.
FAIR_TURN = 5


@dataclass(frozen=True)
class Answer:
    """Whether calls may be made now; where not, after how many seconds to ask again, and because of which limit."""

    meters: Meters
    wait: float = 0.0
    limit: str = ""

    @property
    def is_granted(self) -> bool:
        """Whether the calls may be made."""
        return self.wait == 0


def ask(limits: Sequence[Limit], meters: Meters, calls: float, now: datetime) -> Answer:
    """Takes permits for so many calls, all or none.

    More calls than may ever come at once are granted when there is room for as many as may: the rest is owed.
    """
    moment = now.timestamp()
    waits = {name: _wait(limit, meter, calls, moment) for name, limit, meter in _counting(limits, meters)}
    tightest = max(waits, key=lambda name: waits[name], default="")
    if waits.get(tightest, 0.0) > 0:
        return Answer(meters, waits[tightest], tightest)
    used = {
        limit.name: _filled(limit, meters.get(limit.name), calls, moment) for limit in limits if limit.calls is not None
    }
    return Answer({**meters, **used})


def is_scarce(limits: Sequence[Limit], meters: Meters, now: datetime) -> bool:
    """Whether a limit on calls is nearly used up, so that it matters who goes first."""
    moment = now.timestamp()
    counted = ((limit, meter) for _, limit, meter in _counting(limits, meters) if limit.calls is not None)
    return any(_level(limit, meter, moment) + 2 > _size(limit, meter) for limit, meter in counted)


def shares(limits: Sequence[Limit], meters: Meters, now: datetime) -> dict[str, float]:
    """Which part of what may come at once is used, by limit: 0 is nothing, 1 is all of it."""
    moment = now.timestamp()
    counted = _counting(limits, meters)
    return {name: min(1.0, _level(limit, meter, moment) / _size(limit, meter)) for name, limit, meter in counted}


def learn(limits: Sequence[Limit], meters: Meters, told: Iterable[tuple[Usage, datetime]]) -> Meters:
    """What answers told of limits, and when, taken in: others may use the same account, and plans differ."""
    by_name = {limit.name: limit for limit in limits}
    known = dict(meters)
    for usage, at in told:
        limit = by_name.get(usage.limit)
        if limit is not None:
            name = f"{usage.limit}:{usage.key}" if usage.key else usage.limit
            known[name] = _told(limit, known.get(name), usage, at.timestamp())
    return known


def _counting(limits: Sequence[Limit], meters: Meters) -> Iterable[tuple[str, Limit, Meter | None]]:
    """Each meter that a call must find room in: which method it will use is not known before."""
    for limit in limits:
        yield limit.name, limit, meters.get(limit.name)
        for name in meters:
            if name.startswith(f"{limit.name}:"):
                yield name, limit, meters[name]


def _size(limit: Limit, meter: Meter | None) -> float:
    """How full the meter may be."""
    amount = _amount(limit, meter)
    if limit.calls is None:
        return amount
    return float(min(amount, limit.burst if limit.burst is not None else max(1, int(amount * BURST))))


def _amount(limit: Limit, meter: Meter | None) -> float:
    return limit.amount if meter is None or meter.amount is None else meter.amount


def _drain(limit: Limit, meter: Meter | None) -> float:
    """How much the meter loses in a second."""
    amount, per = _amount(limit, meter), limit.per.total_seconds()
    if limit.calls is None or (limit.burst is not None and limit.burst >= amount):
        return amount / per
    return (amount - _size(limit, meter) + 1) / per


def _level(limit: Limit, meter: Meter | None, now: float) -> float:
    return 0.0 if meter is None else max(0.0, meter.level - max(0.0, now - meter.at) * _drain(limit, meter))


def _wait(limit: Limit, meter: Meter | None, calls: float, now: float) -> float:
    size = _size(limit, meter)
    needed = min(calls, size) if limit.calls is not None else 0.0
    over = _level(limit, meter, now) + needed - size
    return max(LEAST_WAIT_S, over / _drain(limit, meter)) if over > 1e-9 else 0.0


def _filled(limit: Limit, meter: Meter | None, by: float, now: float) -> Meter:
    return Meter(_level(limit, meter, now) + by, now, meter.amount if meter else None)


def _told(limit: Limit, meter: Meter | None, usage: Usage, at: float) -> Meter:
    known = meter or Meter(0.0, at)
    now = max(at, known.at)
    if usage.amount:
        known = replace(known, amount=usage.amount)
    level = _level(limit, known, now) + (usage.spent or 0.0)
    until_reset = usage.resets_in.total_seconds() - (now - at) if usage.resets_in is not None else 0.0
    if usage.remaining is not None and until_reset >= 0:
        # No more than what is left may be used until all of it is there again
        level = max(level, _size(limit, known) + _drain(limit, known) * until_reset - usage.remaining)
    return replace(known, level=level, at=now)
