"""Limits as plugins declare them: typed without any settings of ours."""

from __future__ import annotations

from datetime import timedelta

from cxsdk import Channel, Limit, Usage


class Slow(Channel):
    """A channel whose provider allows little."""

    limits: tuple[Limit, ...] = (
        Limit(calls=100, per=timedelta(seconds=10), name="burst"),
        Limit(seconds=480, per=timedelta(minutes=10)),
        Limit(calls=50, burst=50, per=timedelta(seconds=25)),
    )


LEFT = Usage(limit="burst", remaining=7)
