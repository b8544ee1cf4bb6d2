"""People, contacts and tasks as properties of HubSpot's records."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from cxsdk import BadInput, CallState, Direction, Kind, LogEntry, Person, Task, phone
from cxsdk_hubspot.client import Properties

#: The messengers for which HubSpot has a place of its own.
ChannelType = Literal["SMS", "WHATS_APP", "LINKEDIN_MESSAGE"]
#: HubSpot's limit of a text, and ours of what stands in one line.
TEXT_LIMIT, LINE_LIMIT = 65_536, 255


def national(number: str) -> str:
    """A number as HubSpot's searches have it: without the country code."""
    import phonenumbers

    return str(phonenumbers.parse(number).national_number)


def same_number(written: str, number: str, region: str | None) -> bool:
    """Whether what somebody wrote is this E.164 number; without a country code it may be any country's."""
    try:
        return phone(written, region=region).value == number
    except BadInput:
        digits = re.sub(r"\D", "", written).lstrip("0")
        return len(digits) >= 7 and number.endswith(digits)


def person_properties(person: Person) -> Properties:
    """A lead with two numbers and one address: HubSpot has no more places of its own."""
    known = person.name or next((identity.value for identity in person.identities), "Unknown")
    first, _, last = known.rpartition(" ")
    phones = [identity.value for identity in person.identities if identity.kind == "phone"]
    emails = [identity.value for identity in person.identities if identity.kind == "email"]
    places = dict(zip(("phone", "mobilephone"), phones, strict=False)) | dict(zip(("email",), emails, strict=False))
    names = {"firstname": first[:LINE_LIMIT], "lastname": last[:LINE_LIMIT]}
    return {name: value for name, value in names.items() if value} | places | {"lifecyclestage": "lead"}


def kind_of(entry: LogEntry, channels: Mapping[str, ChannelType]) -> str:
    """The kind of record that an entry is, or becomes."""
    if entry.entry_id is not None:
        return entry.entry_id.partition(":")[0]
    if entry.kind in (Kind.CALL, Kind.EMAIL):
        return f"{entry.kind.value}s"
    return "communications" if entry.kind is Kind.MESSAGE and _channel_type(entry, channels) else "notes"


def entry_properties(kind: str, entry: LogEntry, channels: Mapping[str, ChannelType]) -> Properties:
    """A contact as properties of a record of this kind."""
    common = {"hs_timestamp": time_of(entry.at), **_owned(entry.agent_id)}
    match kind:
        case "calls":
            return common | _call(entry)
        case "emails":
            return common | _email(entry)
        case "communications":
            channel = _channel_type(entry, channels) or "SMS"
            told = {"hs_communication_channel_type": channel, "hs_communication_logged_from": "CRM"}
            return common | told | {"hs_communication_body": _html(entry, entry.subject)}
    return common | {"hs_note_body": _html(entry, _headline(entry))}


def task_properties(task: Task) -> Properties:
    """Work for an agent. What they made of its state stays, unless it is done."""
    new = {} if task.task_id else {"hs_task_status": "NOT_STARTED", "hs_task_type": "TODO"}
    return {
        "hs_timestamp": time_of(task.due),
        "hs_task_subject": _line(task.title),
        "hs_task_body": _escaped(task.text)[:TEXT_LIMIT],
        "hs_task_priority": "HIGH" if task.urgent else "NONE",
        **({"hs_task_status": "COMPLETED"} if task.done else new),
        **_owned(task.agent_id),
    }


def time_of(at: datetime) -> str:
    """A moment as properties take it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _channel_type(entry: LogEntry, channels: Mapping[str, ChannelType]) -> ChannelType | None:
    return channels.get(entry.account) or ("SMS" if entry.counterpart.startswith("+") else None)


def _call(entry: LogEntry) -> Properties:
    inbound = entry.direction is Direction.INBOUND
    found = {
        "hs_call_title": _line(entry.subject) or _headline(entry),
        "hs_call_body": _html(entry),
        "hs_call_direction": entry.direction.value.upper(),
        "hs_call_status": "NO_ANSWER" if entry.state is CallState.MISSED else "COMPLETED",
        "hs_call_duration": None if entry.seconds is None else str(entry.seconds * 1000),
        "hs_call_from_number" if inbound else "hs_call_to_number": entry.counterpart or None,
        "hs_call_recording_url": entry.recording_url,
    }
    return {name: value for name, value in found.items() if value is not None}


def _email(entry: LogEntry) -> Properties:
    inbound = entry.direction is Direction.INBOUND
    sides = {"from" if inbound else "to": {"email": entry.counterpart} if inbound else [{"email": entry.counterpart}]}
    return {
        "hs_email_direction": "INCOMING_EMAIL" if inbound else "EMAIL",
        "hs_email_status": "SENT",
        "hs_email_subject": _line(entry.subject),
        "hs_email_text": "\n\n".join(filter(None, [entry.text, *entry.besides(recording=entry.kind is not Kind.CALL)]))[
            :TEXT_LIMIT
        ],
        **({"hs_email_headers": json.dumps(sides)} if "@" in entry.counterpart else {}),
    }


def _html(entry: LogEntry, headline: str = "") -> str:
    """The whole as HTML, which HubSpot makes of it; where it is too long, the text is cut before the rest is."""
    rest = _escaped("\n\n".join(["", *entry.besides(recording=entry.kind is not Kind.CALL)]))
    text = _escaped("\n\n".join(filter(None, [_line(headline), entry.text])))
    return (text[: max(TEXT_LIMIT - len(rest), 0)] + rest)[:TEXT_LIMIT]


def _headline(entry: LogEntry) -> str:
    inbound = entry.direction is Direction.INBOUND
    if entry.kind is Kind.CALL:
        incoming = "Missed call" if entry.state is CallState.MISSED else "Incoming call"
        return _line(f"{incoming if inbound else 'Outgoing call'} {entry.counterpart}")
    label = f"{entry.kind.value.capitalize()} {'from' if inbound else 'to'} {entry.counterpart}"
    return _line(" ".join(filter(None, [label if entry.counterpart else "", entry.subject])))


def _escaped(text: str) -> str:
    return html.escape(text, quote=False).replace("\n", "<br>")


def _line(text: str) -> str:
    return " ".join(text.split())[:LINE_LIMIT]


def _owned(agent_id: str | None) -> Properties:
    return {"hubspot_owner_id": agent_id} if agent_id else {}
