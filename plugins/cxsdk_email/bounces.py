"""Reports about mails that we sent: returned, delivered, read, complained about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email.message import Message

from cxsdk import BadInput, Delivery, DeliveryState, Fact, Identity, OptOut, email
from cxsdk_email.charsets import decode, storable
from cxsdk_email.message_id import find_ours, message_ids
from cxsdk_email.mime import Mail, attempt, body_of, children, inner_mail, leaves

#: Actions of RFC 3464, the worst last; "delayed" is no news yet.
_ACTIONS = {
    "expanded": DeliveryState.SENT,
    "relayed": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "failed": DeliveryState.FAILED,
}
_ROBOT = re.compile(r"(?:mailer[-_.]?daemon|postmaster|mail[-_.]?delivery|mdaemon|bounces?)\b.*@", re.IGNORECASE)
_RETURNED = re.compile(
    r"undeliver|returned (?:mail|to sender)|delivery (?:status notification|failure|has failed|failed)|failure notice"
    r"|mail delivery (?:failed|system)|could not be delivered|не ?доставлен|не может быть доставлено"
    r"|невозможно доставить|неможливо доставити|не вдалося доставити",
    re.IGNORECASE,
)
_DELAYED = re.compile(r"delay|warning|still (?:trying|being retried)|задерж|затрим", re.IGNORECASE)
_STATUS = re.compile(r"\b(?:[45]\.\d{1,3}\.\d{1,3}|[45]\d\d[ -]\D)")


def report_facts(mail: Mail, key: str, at: datetime) -> list[Fact] | None:
    """What a report says, or None where the mail is none. Raises BadInput where it does not say of which mail."""
    kind = _report_type(mail.part)
    if kind == "delivery-status":
        return [_returned(mail, key, at)] if _worst(mail.part) else []
    if kind == "disposition-notification":
        return _read(mail, key, at)
    if kind == "feedback-report":
        return [_complaint(mail, key, at)]
    return _odd_bounce(mail, key, at) if _is_odd_bounce(mail) else None


def _report_type(part: Message) -> str:
    given = attempt(lambda: str(part.get_param("report-type", "")), "").lower()
    kinds = [child.get_content_subtype() for child in children(part)]
    known = ("delivery-status", "disposition-notification", "feedback-report")
    if part.get_content_type() == "multipart/report" and given in known:
        return given
    # Some gateways lose the type of the whole; the part with the verdict gives it away.
    return next((kind for kind in kinds if kind in known), "")


def _returned(mail: Mail, key: str, at: datetime) -> Delivery:
    action, fields = _worst(mail.part) or ("", Mail(mail.part, {}))
    state, status = _ACTIONS[action], fields.header("status")
    if state is DeliveryState.FAILED and status.startswith("5"):
        state = DeliveryState.BOUNCED
    said = fields.header("diagnostic-code").partition(";")[2].strip()
    return Delivery(key=key, at=at, message_id=_original(mail), state=state, reason=f"{status} {said}".strip()[:500])


def _worst(part: Message) -> tuple[str, Mail] | None:
    """The group of fields of the recipient who fared worst."""
    groups = [(group.header("action").lower(), group) for group in _groups(part, "message/delivery-status")]
    ranked = [(list(_ACTIONS).index(action), action, group) for action, group in groups if action in _ACTIONS]
    return max(ranked, key=lambda found: found[0])[1:] if ranked else None


def _groups(part: Message, content_type: str) -> Iterator[Mail]:
    """The groups of fields of a machine-readable part: of the whole message first, then of each recipient."""
    for _, leaf in leaves(part):
        if leaf.get_content_type() == content_type:
            payload = leaf.get_payload()
            if isinstance(payload, list):  # the parser made a message of each group
                yield from (Mail.of(group) for group in payload if isinstance(group, Message))
            else:
                yield from (Mail.read_headers(text.encode()) for text in re.split(r"\n\s*\n", body_of(leaf).strip()))


def _original(mail: Mail) -> str:
    """The Message-ID of the mail that a report is about."""
    for _, leaf in leaves(mail.part):
        if (inner := inner_mail(leaf)) is not None:
            headers = inner
        elif leaf.get_content_type() == "text/rfc822-headers":
            headers = Mail.read_headers(body_of(leaf).strip().encode())
        else:
            continue
        if found := headers.ids("message-id"):
            return found[0]
    return _mentioned(mail)


def _mentioned(mail: Mail) -> str:
    """The Message-ID that the words of a report mention: one of ours, or what stands behind that name."""
    text = "\n".join(_words(mail.part))
    named = message_ids(" ".join(re.findall(r"^[> ]*message-id:\s*(<[^<>\s]+>)", text, re.IGNORECASE | re.MULTILINE)))
    found = find_ours(text) or next(iter([*named, *mail.ids("in-reply-to"), *mail.ids("references")]), None)
    if found is None:
        raise BadInput("A report about a mail that does not say about which one.", code="mail_report_unclear")
    return found


def _words(part: Message) -> Iterator[str]:
    for _, leaf in leaves(part):
        if leaf.get_content_type() == "message/rfc822":
            yield decode(attempt(leaf.as_bytes, b""), None)
        elif leaf.get_content_maintype() == "text":
            yield body_of(leaf)


def _read(mail: Mail, key: str, at: datetime) -> list[Fact]:
    for group in _groups(mail.part, "message/disposition-notification"):
        if "displayed" in group.header("disposition").lower():
            original = next(iter(group.ids("original-message-id")), "") or _original(mail)
            return [Delivery(key=key, at=at, message_id=original, state=DeliveryState.READ)]
    return []


def _complaint(mail: Mail, key: str, at: datetime) -> OptOut:
    """The customer pressed "this is spam": no more mail (RFC 5965)."""
    addresses = [
        address
        for group in _groups(mail.part, "message/feedback-report")
        for _, address in group.addresses("original-rcpt-to")
    ]
    for _, leaf in leaves(mail.part):
        if (inner := inner_mail(leaf)) is not None:
            addresses += [address for _, address in inner.addresses("to")]
    customer = next((found for address in addresses if (found := identity(address))), None)
    if customer is None:
        raise BadInput("A complaint that does not say whose.", code="mail_report_unclear")
    return OptOut(key=key, at=at, customer=(customer,), reason="complaint")


def identity(address: str) -> Identity | None:
    """The address as an identity, or None where it is none."""
    try:
        return email(address)
    except (BadInput, ValueError):
        return None


def _is_odd_bounce(mail: Mail) -> bool:
    """A returned mail in nobody's format: written by a mail robot, or with no sender, and saying so."""
    senders = [address for _, address in mail.addresses("from", "sender")]
    robot = any(_ROBOT.search(address) for address in senders) or mail.raw("return-path").strip() == "<>"
    return "x-failed-recipients" in mail.fields or (robot and _RETURNED.search(mail.header("subject")) is not None)


def _odd_bounce(mail: Mail, key: str, at: datetime) -> list[Fact]:
    original = _mentioned(mail)
    if _DELAYED.search(mail.header("subject")):
        return []
    text = storable("\n".join(_words(mail.part)))[:20_000]
    line = next((line.strip() for line in text.split("\n") if _STATUS.search(line)), "")
    temporary = re.search(r"\b4(?:\.\d{1,3}){2}\b", line) is not None
    state = DeliveryState.FAILED if temporary else DeliveryState.BOUNCED
    return [Delivery(key=key, at=at, message_id=original, state=state, reason=line[:500])]
