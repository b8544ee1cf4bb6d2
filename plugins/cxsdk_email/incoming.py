"""Understands one mail: who wrote to whom, when, what; or what became of a mail of ours. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from cxsdk import BadInput, Direction, Fact, Identity, InteractionFact, OptOut, Raw
from cxsdk_email.addresses import Ours
from cxsdk_email.bounces import identity, report_facts
from cxsdk_email.content import attachments_of, text_of
from cxsdk_email.message_id import is_ours
from cxsdk_email.mime import MALFORMED, Mail, attempt, id_of
from cxsdk_email.quoting import trimmed

#: A whole answer of one of these words wants no more mail.
_STOP_WORDS = {
    "stop", "stop all", "unsubscribe", "remove", "remove me", "opt out", "opt-out", "unsubscribe me",
    "стоп", "отписаться", "отпишите", "отпишите меня", "отписка", "отказ", "отказаться", "не беспокоить",
    "відписатися", "відписатись", "відпишіть", "відпишіть мене", "відписка", "відмова", "не турбувати",
}  # fmt: skip
#: Zones that mails name and the standard library does not know, in hours.
_ZONES = {"EET": 2, "EEST": 3, "MSK": 3, "MSD": 4, "CET": 1, "CEST": 2, "BST": 1, "WET": 0, "WEST": 1, "SAMT": 4}
_OUR_HEADERS = ("to", "cc", "delivered-to", "x-original-to", "envelope-to")


@dataclass(frozen=True)
class Parties:
    """Who wrote to whom, and which side is the company."""

    direction: Direction
    customer: Identity
    name: str
    us: str
    others: tuple[str, ...] = ()


def parse(raw: Raw, ours: Ours) -> list[Fact]:
    """The facts in a mail. Raises BadInput, and nothing else, for what cannot be understood."""
    try:
        return _facts(raw, ours)
    except MALFORMED as error:
        raise BadInput(f"This mail cannot be read ({type(error).__name__}).", code="mail_unreadable") from error


def _facts(raw: Raw, ours: Ours) -> list[Fact]:
    if not raw.body.strip():
        raise BadInput("The mail server could not give this mail, or it is empty.", code="mail_empty")
    mail = Mail.read(raw.body)
    key, at = id_of(mail, raw.body), _written_at(mail, raw.received_at)
    reported = report_facts(mail, key, at)
    if reported is not None:
        return reported
    if _is_our_own(mail, ours):
        return []
    parties = _parties(mail, raw.source, ours)
    return [] if parties is None else _contact(mail, raw, key, at, parties, ours)


def _contact(mail: Mail, raw: Raw, key: str, at: datetime, parties: Parties, ours: Ours) -> list[Fact]:
    inbound = parties.direction is Direction.INBOUND
    us = identity(parties.us)
    identifier = next(iter(mail.ids("message-id")), "")
    text, subject, automatic = trimmed(text_of(mail.part)), mail.header("subject")[:1000], is_automatic(mail)
    parents = mail.ids("in-reply-to") + mail.ids("references")[::-1]
    contact = InteractionFact(
        key=key,
        at=at,
        direction=parties.direction,
        sender=parties.customer if inbound else us,
        recipient=us if inbound else parties.customer,
        name=parties.name[:200],
        agent=parties.us if parties.us != ours.mailbox else None,
        subject=subject,
        text=_with_note(text, raw),
        attachments=attachments_of(mail.part, identifier or key),
        thread=next(iter([*mail.ids("references"), *parents, identifier, key])),
        in_reply_to=next(iter(parents), None),
        automatic=automatic,
        provider_options=_details(identifier, raw, parties),
    )
    if inbound and not automatic and (_says_stop(text) or (not text and _says_stop(subject))):
        return [contact, OptOut(key=key, at=at, customer=(parties.customer,), reason="asked by mail")]
    return [contact]


def _details(identifier: str, raw: Raw, parties: Parties) -> Mapping[str, str]:
    details = {
        "message_id": identifier,
        "folder": raw.headers.get("folder", ""),
        "other_recipients": ", ".join(parties.others)[:2000],
    }
    return {name: value for name, value in details.items() if value}


def _with_note(text: str, raw: Raw) -> str:
    if "read" not in raw.headers:
        return text
    note = f"[The mail has {raw.headers.get('size', '?')} bytes; only the first {raw.headers['read']} were read.]"
    return f"{text}\n\n{note}".strip()


def _is_our_own(mail: Mail, ours: Ours) -> bool:
    """Whether cxsdk sent it: it was logged when it was sent."""
    identifier = next(iter(mail.ids("message-id")), "")
    return is_ours(identifier) and any(address in ours for _, address in mail.addresses("from"))


def _parties(mail: Mail, source: str, ours: Ours) -> Parties | None:
    """Who is who; None where colleagues write to each other. Raises BadInput where no address of a customer is read."""
    senders = mail.addresses("from") or mail.addresses("sender", "reply-to", "return-path")
    strangers = [(name, address) for name, address in senders if address not in ours]
    if source != "sent" and strangers:
        return _inbound(mail, strangers, ours)
    written_to = [pair for pair in mail.addresses("to", "cc", "bcc") if pair[1] not in ours]
    if written_to and (senders or source == "sent"):
        return _outbound(written_to, next((address for _, address in senders if address in ours), ours.mailbox))
    answers_go_to = [pair for pair in mail.addresses("reply-to") if pair[1] not in ours]
    if answers_go_to and source != "sent":  # a form on the company's site writes in the name of a visitor
        return _inbound(mail, answers_go_to, ours)
    if senders:
        return None
    raise BadInput("From holds no e-mail address.", field="From", code="mail_from_missing")


def _inbound(mail: Mail, strangers: list[tuple[str, str]], ours: Ours) -> Parties:
    name, customer = _customer(strangers, "From")
    us = next((address.lower() for _, address in mail.addresses(*_OUR_HEADERS) if address in ours), ours.mailbox)
    return Parties(Direction.INBOUND, customer, name, us)


def _outbound(written_to: list[tuple[str, str]], us: str) -> Parties:
    name, customer = _customer(written_to, "To")
    others = dict.fromkeys(address.lower() for _, address in written_to)
    return Parties(Direction.OUTBOUND, customer, name, us.lower(), tuple(a for a in others if a != customer.value))


def _customer(pairs: list[tuple[str, str]], field: str) -> tuple[str, Identity]:
    for name, address in pairs:
        if found := identity(address):
            return name, found
    raise BadInput(f"{field} holds no e-mail address that can be one.", field=field, code="mail_from_missing")


def is_automatic(mail: Mail) -> bool:
    """Whether a machine wrote it: an answer of somebody absent, a newsletter, a list (RFC 3834)."""
    submitted = mail.header("auto-submitted").lower()
    return (
        (submitted != "" and not submitted.startswith("no"))
        or mail.header("precedence").lower() in ("bulk", "list", "junk", "auto_reply", "auto-reply")
        or mail.raw("return-path").strip() == "<>"
        or any(name in mail.fields for name in _MACHINE_HEADERS)
    )


_MACHINE_HEADERS = (
    "x-auto-response-suppress", "x-autoreply", "x-autorespond", "x-autoresponder", "list-id", "list-unsubscribe",
    "feedback-id",
)  # fmt: skip


def _says_stop(text: str) -> bool:
    first = next((line for line in text.split("\n") if line.strip()), "")
    return re.sub(r"[^\w\s-]", "", first).strip().lower() in _STOP_WORDS


def _written_at(mail: Mail, received_at: datetime | None) -> datetime:
    """When it was written, as far as that can be: no later than a day after the server had it."""
    at = attempt(lambda: _date(mail.header("date")), None)
    latest = received_at + timedelta(days=1) if received_at else None
    if at is not None and 1990 <= at.year <= 2100 and (latest is None or at <= latest):
        return at
    if received_at is None:
        raise BadInput("Date is missing or absurd.", field="Date", code="mail_date_invalid")
    return received_at.astimezone(UTC)


def _date(value: str) -> datetime:
    # "GMT+0300" and "(MSK)" are common; a zone that nobody knows counts as UTC.
    value = re.sub(r"\b(?:GMT|UTC)([+-]\d)", r"\1", value)
    at = parsedate_to_datetime(value)
    if at.tzinfo is None:
        zone = re.search(r"\b([A-Z]{3,4})\)?$", value)
        at = at.replace(tzinfo=UTC) - timedelta(hours=_ZONES.get(zone[1], 0) if zone else 0)
    return at.astimezone(UTC)
