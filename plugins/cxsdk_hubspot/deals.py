"""Which deals are read, with whom they are with: those that changed, and those of a day that has come.

https://developers.hubspot.com/docs/api/crm/search
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from cxsdk import Deals, Raw
from cxsdk_hubspot.client import CHANGED, PAGE, Api, Filter, Properties, Record, between, millis, told, where

#: The property that tells when a deal came to a stage.
ENTERED = "hs_v2_date_entered_"
#: HubSpot's limit of the groups of conditions in a search.
GROUPS = 5

_CUSTOMER = ("firstname", "lastname", "email", "hs_email_optout", "phone", "mobilephone")


class DealSource:
    """An account's deals, as far as the settings make something of them."""

    def __init__(self, api: Api, deals: Deals) -> None:
        self._api = api
        self._deals = deals
        self._telling = [*(f"{ENTERED}{stage}" for stage in deals.stages), *deals.dates]

    @property
    def properties(self) -> list[str]:
        """What is read of a deal."""
        return ["dealname", "dealstage", "closedate", "amount", "deal_currency_code", *self._telling]

    def told(self, records: Sequence[Record]) -> list[Record]:
        """Those of the deals of which there is anything to tell, each with its customer."""
        telling = [record for record in records if self._tells(record["properties"])]
        people = self._customers([str(record["id"]) for record in telling])
        return [told("deals", record) | {"customer": people.get(str(record["id"]), {})} for record in telling]

    def on(self, day: date, after: str) -> Iterator[tuple[Sequence[Raw], str]]:
        """Pages of the deals that are dated on a day, in UTC; a place is the number of a property and an id."""
        awaited = self._deals.awaited
        part, _, id = after.partition(":")
        for start in range(int(part or 0), len(awaited), GROUPS):
            for records in self._dated(awaited[start : start + GROUPS], day, id or "0"):
                items = [Raw.of({**each, "due": str(day)}) for each in self.told(records)]
                yield items, f"{start}:{records[-1]['id']}"
            id = ""

    def _dated(self, names: Sequence[str], day: date, after: str) -> Iterator[Sequence[Record]]:
        while True:
            groups = [[*_on(name, day), where("hs_object_id", "GT", after)] for name in names]
            found = next(self._api.search("deals", groups, [CHANGED, *self.properties]))
            if not found or int(found[-1]["id"]) <= int(after):  # nothing, or a search that repeats itself
                return
            yield found
            after = str(found[-1]["id"])
            if len(found) < PAGE:
                return

    def _tells(self, properties: Mapping[str, Any]) -> bool:
        return properties.get("dealstage") in self._deals.stages or any(map(properties.get, self._telling))

    def _customers(self, deals: Sequence[str]) -> dict[str, Properties]:
        """The numbers and addresses of whom deals are with; without them, nobody can be asked about one."""
        contacts = self._api.contacts_of("deals", deals)
        read = self._api.read("contacts", contacts.values(), _CUSTOMER)
        held = {str(each["id"]): each["properties"] for each in read}
        return {deal: held.get(contact, {}) for deal, contact in contacts.items()}


def _on(name: str, day: date) -> list[Filter]:
    begin = datetime.combine(day, time(), UTC)
    return between(name, millis(begin), millis(begin + timedelta(days=1)))
