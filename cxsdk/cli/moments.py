"""Moments as people type them: ``2h`` and ``3d`` ago, or a date with a time and a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from cxsdk.domain.clock import SystemClock
from cxsdk.domain.durations import duration


class Since(click.ParamType[datetime]):
    """A moment of the past, in UTC."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment; a click error with the cure where it is none."""
        now = SystemClock().now()
        since = value if isinstance(value, datetime) else read_moment(str(value), now)
        if since is None:
            self.fail(f"{value!r} is no moment; write 2h, 3d, or 2026-01-31T09:00+02:00 with its zone.", param, ctx)
        if since > now:
            self.fail(f"{value!r} has not come yet; give a moment of the past.", param, ctx)
        return since


def read_moment(written: str, now: datetime) -> datetime | None:
    """What is meant, seen from ``now``; None where that cannot be told, as of a time without its zone."""
    try:
        ago: timedelta = duration(written)
    except ValueError:
        return _date(written)
    try:
        return now - ago
    except OverflowError:
        return None


def _date(written: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(written)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
