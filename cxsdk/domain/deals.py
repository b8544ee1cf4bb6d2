"""What a CRM's deals tell: the stages they reach and the dates they bear, as business events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import Any

from pydantic import AwareDatetime, Field

from cxsdk.domain.facts import BusinessEvent, EventKind
from cxsdk.domain.identity import Identity, email, phone
from cxsdk.domain.values import Moment, Value
from cxsdk.errors import BadInput


class Deal(Value):
    """One deal as a CRM holds it at a moment, in nobody's format.

    Give a day as a ``date``, and a ``datetime`` only where the CRM knows the hour. A day is told as its noon in UTC,
    which is the same day in almost every zone.
    """

    key: str = Field(min_length=1, max_length=150)  #: what the account's events of it are known by: ``deal:4711``
    changed_at: Moment
    customer: tuple[Identity, ...]  #: of nobody, nothing is told
    name: str = ""  #: the customer's
    stage: str | None = None  #: the one it is in
    closed: AwareDatetime | date | None = None  #: its close date, which may still lie ahead
    reached: Mapping[str, Moment] = {}  #: when it came to stages, where the CRM knows that, also to earlier ones
    dates: Mapping[str, AwareDatetime | date | None] = {}  #: the values of its fields with dates
    due: date | None = None  #: the day that has come, where the deal was read for that and did not change
    product: str = ""
    amount: str | None = None  #: a decimal number, in ``currency``
    currency: str | None = None  #: ISO 4217


class Deals(Value):
    """What the settings of a CRM account say of its deals: which stages and dates are which business events."""

    stages: Mapping[str, EventKind] = {}  #: by the stage's id in the CRM
    dates: Mapping[str, EventKind] = {}  #: by the field's name; the day of a subscription is the one on which it ends
    region: str | None = None  #: the country (ISO 3166) of numbers without a country code

    def __bool__(self) -> bool:
        """Whether there is anything to read deals for."""
        return bool(self.stages or self.dates)

    @property
    def awaited(self) -> tuple[str, ...]:
        """The fields whose days are waited for: a deal is to be read on them, too, though nobody changes it then."""
        return tuple(field for field, kind in self.dates.items() if kind is not EventKind.SUBSCRIPTION)

    def customer(self, *, emails: Iterable[str | None] = (), phones: Iterable[str | None] = ()) -> tuple[Identity, ...]:
        """Who has these addresses and numbers, as people typed them: once each, and none that cannot be one.

        Leave out what the CRM marks as invalid or opted out.
        """
        found: list[Identity] = []
        for address in emails:
            with suppress(BadInput):
                found.append(email(address or ""))
        for number in phones:
            with suppress(BadInput):
                found.append(phone(number or "", region=self.region))
        return tuple(dict.fromkeys(found))

    def events(self, deal: Deal) -> Iterator[BusinessEvent]:
        """What there is to tell of a deal. The same again has the same key, so that it counts once.

        A stage is told once for each deal. It was reached when the CRM says so; else the deal must be in it, and was
        since its close date, at the latest since it was changed. A date is told once for each value of its field, and
        not before its day has come, but for the end of a subscription, which is told at once. Of a deal that is
        ``due``, only what is dated on that day is told: all else was told when it changed.
        """
        if not deal.customer:
            return
        if deal.due is not None:
            yield from self._due(deal, deal.due)
        else:
            yield from self._stages(deal)
            yield from self._dates(deal)

    def _stages(self, deal: Deal) -> Iterator[BusinessEvent]:
        for stage, kind in self.stages.items():
            if at := _reached(deal, stage):
                yield _event(deal, stage, at, kind)

    def _dates(self, deal: Deal) -> Iterator[BusinessEvent]:
        for field, kind in self.dates.items():
            if (day := deal.dates.get(field)) is None:
                continue
            if kind is EventKind.SUBSCRIPTION:
                yield _event(deal, _dated(field, day), deal.changed_at, kind, expires_at=_moment(day))
            elif _day(day) <= deal.changed_at.date():
                yield _event(deal, _dated(field, day), _by(deal.changed_at, day), kind)

    def _due(self, deal: Deal, today: date) -> Iterator[BusinessEvent]:
        for field in self.awaited:
            day = deal.dates.get(field)
            if day is not None and _day(day) == today:
                yield _event(deal, _dated(field, day), min(_moment(day), _moment(today)), self.dates[field])


def _event(deal: Deal, key: str, at: datetime, kind: EventKind, **more: Any) -> BusinessEvent:
    return BusinessEvent(
        key=f"{deal.key}:{key}",
        at=at,
        kind=kind,
        customer=deal.customer,
        name=deal.name,
        order=deal.key,
        product=deal.product,
        amount=deal.amount,
        currency=deal.currency,
        **more,
    )


def _dated(field: str, day: datetime | date) -> str:
    return f"{field}:{_day(day)}"


def _reached(deal: Deal, stage: str) -> datetime | None:
    if known := deal.reached.get(stage):
        return known
    return _by(deal.changed_at, deal.closed) if deal.stage == stage else None


def _by(changed_at: datetime, day: datetime | date | None) -> datetime:
    """When it happened: earlier, if the deal says so, else when the deal was changed."""
    if day is None or (not isinstance(day, datetime) and day >= changed_at.date()):
        return changed_at
    return min(_moment(day), changed_at)


def _moment(day: datetime | date) -> datetime:
    return day.astimezone(UTC) if isinstance(day, datetime) else datetime.combine(day, time(12), UTC)


def _day(day: datetime | date) -> date:
    return _moment(day).date()
