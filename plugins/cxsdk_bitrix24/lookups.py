"""Who and what is there already: people by their numbers and addresses, what we wrote by its key.

https://apidocs.bitrix24.com/api-reference/crm/duplicates/crm-duplicate-find-by-comm.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cxsdk_bitrix24.client import COMPANY, CONTACT, LEAD, Api, Listing, Owner, Result, items, records
from cxsdk_bitrix24.telephony import by_key, entry_id_of, logged

#: Which of those who have a number it is: whoever is known best.
_PREFERRED = {"CONTACT": CONTACT, "LEAD": LEAD, "COMPANY": COMPANY}


def tasks_of(origin: str) -> str:
    """By what our tasks are known among our entries, which are activities, too."""
    return f"{origin}.task"


def found_people(found: Iterable[Any]) -> str | None:
    """The oldest contact, lead or company in the answers to searches; one that finds nobody is an empty list."""
    answers = [each for each in found if isinstance(each, dict)]
    for name, type in _PREFERRED.items():
        if ids := [int(id) for each in answers for id in each.get(name) or ()]:
            return str(Owner(type, min(ids)))
    return None


def written(api: Api, keys: Sequence[str], entity: int, origin: str, *, calls: bool) -> dict[str, str]:
    """Our names for what was written under these keys; ``calls``: whether calls of telephony may be among it."""
    activities = Listing("crm.activity.list", ["ORIGIN_ID"], id="ID", changed="LAST_UPDATED")
    ours = {"@ORIGINATOR_ID": [origin, tasks_of(origin)], "@ORIGIN_ID": list(keys)}
    people = items(entity, ["originId"])
    asked = {
        "activities": activities.command(ours, "ID"),
        "people": people.command({"originatorId": origin, "@originId": list(keys)}, "id"),
    }
    asked |= {"calls": logged(keys)} if calls else {}
    found = api.batch(asked, reads=True) if keys else {}
    called = {key: str(entry_id_of(call)) for key, call in by_key(found.pop("calls", Result([]))).items()}
    told = {name: reversed(records(result.read())) for name, result in found.items()}  # of two, the oldest is left
    names = called | {str(each["ORIGIN_ID"]): str(each["ID"]) for each in told.get("activities", ())}
    return names | {str(each["originId"]): str(Owner(entity, int(each["id"]))) for each in told.get("people", ())}
