"""Which leads are read, with whom they are with: those that changed, and those of a day that has come.

https://www.amocrm.ru/developers/content/crm_platform/filters-api
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from cxsdk import Deals, Raw
from cxsdk_amocrm.client import PAGE, Api, Record
from cxsdk_amocrm.incoming import days_of, lead_read, stage_of

_HALF_DAY = timedelta(hours=12)


class LeadSource:
    """An account's leads, as far as the settings make something of them."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._currency: str | None = None
        self._ids: dict[str, str] | None = None

    def told(self, leads: Sequence[Record], deals: Deals, due: date | None = None) -> list[Raw]:
        """Those of the leads that tell something, with the contact that each is with."""
        telling = [lead for lead in leads if _tells(lead, deals)]
        named = {str(lead["id"]): _contact(lead) for lead in telling}
        contacts = self._api.by_ids("contacts", [id for id in named.values() if id])
        read = (lead_read(lead, contacts.get(named[str(lead["id"])]), deals) for lead in telling)
        return [Raw.of({"lead": {**lead, "currency": self._money(), "due": due}}) for lead in read]

    def on(self, day: date, after: str, deals: Deals) -> Iterator[tuple[Sequence[Raw], str]]:
        """Pages of the leads that wait for a day, in the order of their ids, each with its last id."""
        found = {lead["id"]: lead for field in self._fields(deals) for lead in self._dated(field, day)}
        due = [lead for id, lead in sorted(found.items()) if id > int(after or 0) and _is_due(lead, day, deals)]
        for start in range(0, len(due), PAGE):
            page = due[start : start + PAGE]
            yield self.told(page, deals, day), str(page[-1]["id"])

    def _dated(self, field: str, day: date) -> Iterator[Record]:
        # a date is a midnight somewhere, a moment any time of that day: what is another day's is left out later
        noon = datetime.combine(day, time(12), UTC)
        asked = {"from": noon - 2 * _HALF_DAY, "to": noon + _HALF_DAY}
        place = f"filter[custom_fields_values][{field}]"
        bounds = {f"{place}[{side}]": int(at.timestamp()) for side, at in asked.items()}
        return self._api.all("leads", {"with": "contacts", "order[id]": "asc", **bounds})

    def _fields(self, deals: Deals) -> list[str]:
        """The ids of the fields whose days are waited for: filters take no codes."""
        if self._ids is None:
            coded = not all(name.isdigit() for name in deals.awaited)
            fields = self._api.all("leads/custom_fields") if coded else ()
            self._ids = {str(field.get("code")): str(field["id"]) for field in fields}
        names = [name if name.isdigit() else self._ids.get(name) for name in deals.awaited]
        return [name for name in names if name]

    def _money(self) -> str | None:
        """The account's currency, in which all its leads are."""
        if self._currency is None:
            self._currency = self._api.account().get("currency") or ""
        return self._currency or None


def _tells(lead: Record, deals: Deals) -> bool:
    stage = stage_of(lead.get("pipeline_id"), lead.get("status_id"), deals)
    return stage in deals.stages or any(days_of(lead, deals.dates).values())


def _is_due(lead: Record, day: date, deals: Deals) -> bool:
    dated = days_of(lead, deals.awaited).values()
    return day in [each.date() if isinstance(each, datetime) else each for each in dated]


def _contact(lead: Record) -> str:
    """The main contact of a lead, else any."""
    contacts = (lead.get("_embedded") or {}).get("contacts") or []
    main = sorted(contacts, key=lambda contact: contact.get("is_main") is not True)
    return str(main[0]["id"]) if main else ""
