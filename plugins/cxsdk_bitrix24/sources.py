"""What is read on and on: our tasks, leads that became contacts, deals; and what of each record is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cxsdk import Deals, Raw
from cxsdk_bitrix24.client import COMPANY, CONTACT, DEAL, Api, Listing, Owner, Record, items, records
from cxsdk_bitrix24.lookups import tasks_of

#: A record is seen a moment after the second that it bears, and clocks differ: what is younger is left for later.
SETTLED = timedelta(seconds=30)
#: A first reading begins so long ago: what was before us is no news.
NEWS = timedelta(minutes=5)

_REACHED = ("EMAIL", "PHONE")


@dataclass(frozen=True)
class Reading:
    """A list that is read on and on, and how its records are kept."""

    listing: Listing
    raws: Callable[[Api, Sequence[Record]], Iterator[Raw]]


def todos(origin: str) -> Reading:
    """Our tasks."""
    ours = {"ORIGINATOR_ID": tasks_of(origin), "PROVIDER_ID": "CRM_TODO"}
    listing = Listing("crm.activity.list", ["COMPLETED", "RESPONSIBLE_ID"], ours, id="ID", changed="LAST_UPDATED")
    return Reading(listing, _plain("todo"))


def converted() -> Reading:
    """Contacts that leads have become."""
    return Reading(items(CONTACT, ["leadId"], {">leadId": 0}, changed="createdTime"), _plain("converted"))


def deals_read(deals: Deals) -> Reading:
    """Deals, each with the numbers and addresses of whom it is with."""
    return Reading(_deals_of(deals), lambda api, found: _told(api, found, deals))


def deals_due(api: Api, deals: Deals, day: date, after: str) -> Iterator[tuple[Sequence[Raw], str]]:
    """Pages of the deals that are dated on a day, as the portal shows it; a place is an id."""
    begin, end = str(day), str(day + timedelta(days=1))
    on_it = {str(n): {f">={field}": begin, f"<{field}": end} for n, field in enumerate(deals.awaited)}
    for found in api.pages(_deals_of(deals), {"0": {"logic": "OR", **on_it}}, int(after or 0)):
        yield list(_told(api, found, deals, due=begin)), str(found[-1]["id"])


def _deals_of(deals: Deals) -> Listing:
    told = ["title", "stageId", "movedTime", "closedate", "opportunity", "currencyId", "contactId", "companyId"]
    return items(DEAL, [*told, *deals.dates])


def _plain(kind: str) -> Callable[[Api, Sequence[Record]], Iterator[Raw]]:
    return lambda _, found: (Raw.of({"kind": kind, "record": record}) for record in found)


def _told(api: Api, found: Sequence[Record], deals: Deals, **more: str) -> Iterator[Raw]:
    telling = [
        deal for deal in found if deal.get("stageId") in deals.stages or any(deal.get(field) for field in deals.dates)
    ]
    people = _people(api, {who for deal in telling if (who := _customer_of(deal))})
    for deal in telling:
        customer = people.get(_customer_of(deal), {})
        yield Raw.of({"kind": "deal", "record": {**deal, "customer": customer, **more}})


def _customer_of(deal: Record) -> Owner | None:
    if deal.get("contactId"):
        return Owner(CONTACT, int(deal["contactId"]))
    return Owner(COMPANY, int(deal["companyId"])) if deal.get("companyId") else None


def _people(api: Api, who: set[Owner]) -> Mapping[Owner | None, Record]:
    """The numbers and addresses of these people, which a list gives only with all that it has."""
    asked = {
        f"of{type}": items(type, ["*"]).command({"@id": ids})
        for type in (CONTACT, COMPANY)
        if (ids := sorted(each.id for each in who if each.type == type))
    }
    found = api.batch(asked, reads=True) if asked else {}
    return {
        Owner(int(name.removeprefix("of")), int(record["id"])): _kept(record)
        for name, result in found.items()
        for record in records(result.read())
    }


def _kept(record: Record) -> dict[str, Any]:
    named = " ".join(filter(None, (record.get("name"), record.get("lastName")))) or record.get("title") or ""
    held = record.get("fm") or []
    return {"name": named, "fm": [_reach(each) for each in held if each.get("typeId") in _REACHED]}


def _reach(held: Record) -> Record:
    return {"typeId": held["typeId"], "value": held.get("value")}
