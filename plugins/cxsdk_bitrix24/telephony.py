"""Calls as those of Bitrix24's own telephony, which are registered, finished, and given their recordings.

https://apidocs.bitrix24.com/api-reference/telephony/telephony-external-call-register.html
https://apidocs.bitrix24.com/api-reference/telephony/telephony-external-call-finish.html
https://apidocs.bitrix24.com/api-reference/telephony/telephony-external-call-attach-record.html
https://apidocs.bitrix24.com/api-reference/telephony/voximplant-statistic-get.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from cxsdk import CallState, CxsdkError, Direction, LogEntry, Receipt
from cxsdk_bitrix24.client import BATCH, COMPANY, CONTACT, LEAD, Api, Owner, Record, Result, records, time_of
from cxsdk_bitrix24.commands import Command, Reference
from cxsdk_bitrix24.failures import Problem
from cxsdk_bitrix24.outgoing import call_fields, is_call

#: So many calls with their three commands each fit a batch.
AT_ONCE = BATCH // 3

_KINDS = {LEAD: "LEAD", CONTACT: "CONTACT", COMPANY: "COMPANY"}
_TYPES = {Direction.OUTBOUND: 1, Direction.INBOUND: 2}
_TALKED, _MISSED, _UNDEFINED = "200", "304", "OTHER"
_STATUS = {CallState.ENDED: _TALKED, CallState.ANSWERED: _TALKED, CallState.MISSED: _MISSED}
_RECORDINGS = (".mp3", ".wav")


class Telephony:
    """The telephony of one portal."""

    def __init__(self, api: Api, log: Any) -> None:
        self._api = api
        self._log = log

    def finished(self, entries: Sequence[LogEntry]) -> dict[str, Record]:
        """The calls in the statistics that are to be changed, by our keys."""
        keys = [entry.key for entry in entries if entry.entry_id is not None and is_call(entry)]
        return by_key(self._api.batch({"calls": logged(keys)}, reads=True)["calls"]) if keys else {}

    def attach(self, entries: Sequence[LogEntry], told: Sequence[Any]) -> None:
        """Lets Bitrix24 fetch the recordings of calls that have none; ``told`` is what it tells of each entry's call.

        The calls are there already: whatever goes wrong with a recording must not make them once more.
        """
        wanted = {
            f"a{n}": _attached(call["CALL_ID"], entry.recording_url)
            for n, (entry, call) in enumerate(zip(entries, told, strict=True))
            if entry.recording_url and isinstance(call, dict) and call.get("CALL_ID") and not call.get("RECORD_FILE_ID")
        }
        try:
            problems = {name: result.problem for name, result in self._api.batch(wanted).items()}
        except CxsdkError as error:
            problems = dict.fromkeys(wanted, Problem(error.code, ""))
        for name, problem in problems.items():
            if problem is not None:
                id = wanted[name].params["CALL_ID"]
                self._log.warning("bitrix24_recording_failed", id=id, problem=problem.said)


def call_commands(name: str, entry: LogEntry, owner: Owner, agent: str, origin: str) -> dict[str, Command]:
    """Registers a call, finishes it, and gives its activity our key and text; the second command gives its ids."""
    finish = {
        "CALL_ID": Reference.to(f"{name}r", "CALL_ID"),
        "USER_ID": agent or None,
        "DURATION": entry.seconds or 0,
        "STATUS_CODE": _status(entry),
        "ADD_TO_CHAT": 0,
    }
    mark = {**call_fields(entry), "ORIGINATOR_ID": origin, "ORIGIN_ID": entry.key}
    return {
        f"{name}r": Command("telephony.externalCall.register", _registered(entry, owner, agent)),
        name: Command("telephony.externalCall.finish", finish),
        f"{name}m": Command("crm.activity.update", {"id": Reference.to(name, "CRM_ACTIVITY_ID"), "fields": mark}),
    }


def refused(found: Mapping[str, Result], name: str) -> Receipt | None:
    """What became of a call that could not be registered; None for all else."""
    registered = found.get(f"{name}r")
    return registered.problem.of_a_write() if registered and registered.problem else None


def logged(keys: Sequence[str]) -> Command:
    """Asks the statistics for the calls with these keys."""
    return Command(
        "voximplant.statistic.get", {"FILTER": {"EXTERNAL_CALL_ID": list(keys)}, "SORT": "ID", "ORDER": "ASC"}
    )


def by_key(result: Result) -> dict[str, Record]:
    """Calls of the statistics by our keys; of two, the oldest."""
    return {str(call["EXTERNAL_CALL_ID"]): call for call in reversed(records(result.read()))}


def entry_id_of(call: Record) -> Any:
    """By what a call is known: its activity; a call without one has but its own id."""
    return call.get("CRM_ACTIVITY_ID") or call["CALL_ID"]


def _registered(entry: LogEntry, owner: Owner, agent: str) -> dict[str, Any]:
    return {
        "USER_ID": agent or None,
        "PHONE_NUMBER": entry.counterpart,
        "TYPE": _TYPES[entry.direction],
        "CALL_START_DATE": time_of(entry.at),
        "CRM_CREATE": 0,
        "CRM_ENTITY_TYPE": _KINDS[owner.type],
        "CRM_ENTITY_ID": owner.id,
        "SHOW": 0,
        "ADD_TO_CHAT": 0,
        "EXTERNAL_CALL_ID": entry.key,
    }


def _status(entry: LogEntry) -> str:
    return _STATUS.get(entry.state, _UNDEFINED) if entry.state else _TALKED if entry.seconds else _UNDEFINED


def _attached(call_id: str, url: str) -> Command:
    """Its name must end as that of a recording does."""
    name = urlsplit(url).path.rpartition("/")[2] or "recording"
    named = name if name.lower().endswith(_RECORDINGS) else f"{name}.mp3"
    return Command("telephony.externalCall.attachRecord", {"CALL_ID": call_id, "RECORD_URL": url, "FILENAME": named})
