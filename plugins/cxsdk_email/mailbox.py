"""Reads one folder of an IMAP mailbox, page by page, and waits there for what comes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple, Self

from imap_tools import BaseMailBox

from cxsdk import Page, Raw, Stop, Transient
from cxsdk_email.connection import connected
from cxsdk_email.mime import record_id
from cxsdk_email.server import Server

#: A page holds at most so many mails and, unless a single one is larger, so many bytes.
PAGE_MAILS = 50
PAGE_BYTES = 20_000_000

#: Seconds between two looks at ``stop`` while the server is silent.
_LOOK_EVERY_S = 0.5
#: Seconds after which IDLE is begun anew, and the folder looked at: servers end it after 30 minutes, routers before.
_IDLE_S = 9 * 60.0

#: The last part of the Sent folder's name where the server does not mark it (RFC 6154).
_SENT_NAMES = {
    "sent", "sent items", "sent messages", "sent mail", "отправленные", "отправленное", "надіслані", "відправлені",
}  # fmt: skip


@dataclass(frozen=True)
class Position:
    """How far a folder has been read: its UIDVALIDITY, and the highest UID that was read under it."""

    validity: int
    uid: int = 0

    @classmethod
    def after(cls, cursor: str | None, validity: int) -> Self:
        """Where to go on.

        Numbers of another UIDVALIDITY mean nothing any more: the folder is read from its start, and what was read
        before is recognised by its record id.
        """
        try:
            known = json.loads(cursor or "{}")
            return cls(validity, int(known["uid"]) if known["validity"] == validity else 0)
        except (ValueError, KeyError, TypeError):
            return cls(validity)

    def cursor(self) -> str:
        """The position as it is stored."""
        return json.dumps({"validity": self.validity, "uid": self.uid})


class Listed(NamedTuple):
    """What the server says of a mail before its content is asked for."""

    uid: int
    size: int
    at: datetime


@dataclass(frozen=True)
class FolderReader:
    """One source: a folder of a mailbox. ``folder`` None stands for the Sent folder, whatever it is called."""

    server: Server
    source: str
    folder: str | None
    since: date | None
    idle: bool
    mail_limit: int

    def read(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        """Pages from after the cursor; then, where the server has IDLE, what comes, until ``stop`` is set.

        Nothing is marked as read. Raises Transient and AuthenticationError.
        """
        with connected(self.server) as box:
            folder = self.folder or _sent_folder(box)
            position = Position.after(cursor, _open(box, folder))
            while True:
                for group in self._groups(_listed(box, position)):
                    position = Position(position.validity, group[-1].uid)
                    yield Page(items=self._records(box, folder, position.validity, group), cursor=position.cursor())
                    if stop.is_set():
                        return
                if not (self.idle and _has_idle(box) and _wait_for_mail(box, stop)):
                    return

    def _groups(self, mails: Sequence[Listed]) -> Iterator[list[Listed]]:
        group: list[Listed] = []
        wanted = size = 0
        for mail in mails:
            takes = min(mail.size, self.mail_limit) if self._is_wanted(mail) else 0
            if group and (wanted == PAGE_MAILS or size + takes > PAGE_BYTES):
                yield group
                group, wanted, size = [], 0, 0
            group.append(mail)
            wanted, size = wanted + self._is_wanted(mail), size + takes
        if group:
            yield group

    def _is_wanted(self, mail: Listed) -> bool:
        return self.since is None or mail.at.date() >= self.since

    def _records(self, box: BaseMailBox, folder: str, validity: int, group: Sequence[Listed]) -> tuple[Raw, ...]:
        contents = dict(_contents(box, [mail.uid for mail in group if self._is_wanted(mail)], self.mail_limit))
        # A mail that is not there any more was deleted between the two commands.
        return tuple(self._record(folder, validity, mail, contents[mail.uid]) for mail in group if mail.uid in contents)

    def _record(self, folder: str, validity: int, mail: Listed, body: bytes) -> Raw:
        headers = {"folder": folder, "uid": str(mail.uid), "size": str(mail.size)}
        if mail.size > self.mail_limit:
            headers["read"] = str(len(body))
        place = f"{folder}/{validity}/{mail.uid}"
        return Raw(
            id=record_id(body) if body else record_id(place.encode()),
            body=body,
            headers=headers,
            source=self.source,
            received_at=mail.at,
        )


def _contents(box: BaseMailBox, uids: Sequence[int], limit: int) -> Iterator[tuple[int, bytes]]:
    """The mails' bytes; empty where the server cannot give a mail, so that one such mail does not hold up the rest."""
    if not uids:
        return
    status, data = box.client.uid("FETCH", ",".join(map(str, uids)), f"(UID BODY.PEEK[]<0.{limit}>)")
    if status != "OK":
        if len(uids) == 1:
            yield uids[0], b""
        else:
            for uid in uids:
                yield from _contents(box, [uid], limit)
        return
    for meta, body in _fetched(status, data):
        if (found := re.search(rb"UID (\d+)", meta)) and body is not None:
            yield int(found[1]), body


def _fetched(status: str, data: Sequence[object]) -> Iterator[tuple[bytes, bytes | None]]:
    """Each mail of a FETCH answer: what is said of it, and its content where that was asked for."""
    if status != "OK":
        raise Transient("The mail server does not list the folder.", code="mail_refused")
    items = iter(data)
    for item in items:
        if isinstance(item, tuple):  # the content is a literal; what follows it belongs to the same mail
            tail = next(items, b"")
            yield item[0] + b" " + (tail if isinstance(tail, bytes) else b""), item[1]
        elif isinstance(item, bytes):
            yield item, None


def _listed(box: BaseMailBox, position: Position) -> list[Listed]:
    """What lies behind the position, in order. "n:*" names the last mail even where its UID is below n."""
    answer = box.client.uid("FETCH", f"{position.uid + 1}:*", "(UID RFC822.SIZE INTERNALDATE)")
    found = (_read_listed(meta) for meta, _ in _fetched(*answer))
    new = {mail.uid: mail for mail in found if mail is not None and mail.uid > position.uid}
    return [new[uid] for uid in sorted(new)]


def _read_listed(meta: bytes) -> Listed | None:
    uid, size = re.search(rb"UID (\d+)", meta), re.search(rb"RFC822\.SIZE (\d+)", meta)
    if uid is None or size is None:  # news of another mail's flags
        return None
    return Listed(int(uid[1]), int(size[1]), _internal_date(meta))


def _internal_date(meta: bytes) -> datetime:
    found = re.search(rb'INTERNALDATE "([^"]+)"', meta)
    with suppress(ValueError, TypeError):
        at = parsedate_to_datetime(found[1].decode("ascii", "replace")) if found else datetime.now(UTC)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return datetime.now(UTC)


def _sent_folder(box: BaseMailBox) -> str:
    folders = box.folder.list()
    marked = [folder.name for folder in folders if "\\sent" in (flag.lower() for flag in folder.flags)]
    named = [folder.name for folder in folders if re.split(r"[/.]", folder.name)[-1].lower() in _SENT_NAMES]
    if not (found := marked + named):
        raise Transient("No Sent folder is found: name it in `sent`, or set sent=None.", code="mail_sent_missing")
    return found[0]


def _open(box: BaseMailBox, folder: str) -> int:
    """Opens the folder to look, not to change, and returns its UIDVALIDITY."""
    box.folder.set(folder, readonly=True)
    _, values = box.client.response("UIDVALIDITY")
    value = values[0] if values else None
    return int(value) if isinstance(value, bytes) and value.isdigit() else 0


def _has_idle(box: BaseMailBox) -> bool:
    return "IDLE" in box.client.capabilities


def _wait_for_mail(box: BaseMailBox, stop: Stop) -> bool:
    """Waits until the folder should be looked at again; False where the reader should end."""
    end = time.monotonic() + _IDLE_S
    with box.idle as idle:
        while not stop.is_set() and (began := time.monotonic()) < end:
            said = idle.poll(timeout=_LOOK_EVERY_S)
            cut_off = not said and time.monotonic() - began < _LOOK_EVERY_S / 2  # leaving IDLE finds out and raises
            if cut_off or any(b"EXISTS" in line for line in said):
                break
    return not stop.is_set()
