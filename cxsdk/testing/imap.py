"""An IMAP server for tests and replays: folders in memory, read over a real socket."""

from __future__ import annotations

import re
import threading
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cxsdk.testing.imap_command import read_command
from cxsdk.testing.imap_folder import Folder, Stored
from cxsdk.testing.line_server import Connection, LineServer

if TYPE_CHECKING:
    import ssl

#: A folder's name and its special-use flag (RFC 6154).
FOLDERS = {"INBOX": "", "Sent": "\\Sent"}

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class ImapServer(LineServer):
    """Holds mails that ``deliver`` puts into folders, and tells clients that IDLE of new ones."""

    def __init__(
        self,
        *,
        user: str = "",
        password: str = "",
        idle: bool = True,
        folders: Mapping[str, str] = FOLDERS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self.user = user
        self.password = password
        self.idle = idle
        self.folders = {name: Folder(name, flag) for name, flag in folders.items()}
        self.lock = threading.Lock()
        self.sessions: set[Session] = set()

    def deliver(self, folder: str, message: bytes, *, at: datetime | None = None) -> int:
        """Puts a mail into a folder and returns its UID; ``at`` is when the server got it, now unless told."""
        with self.lock:
            place = self.folders[folder]
            uid, place.next_uid = place.next_uid, place.next_uid + 1
            place.messages.append(Stored(uid, message, at or datetime.now(UTC)))
            waiting = [session for session in self.sessions if session.idles and session.folder is place]
            count = len(place.messages)
        for session in waiting:
            session.connection.push(f"* {count} EXISTS")
        return uid

    def messages(self, folder: str) -> list[bytes]:
        """The mails of a folder, oldest first."""
        return [stored.body for stored in self.folders[folder].messages]

    def unseen(self, folder: str) -> int:
        """How many mails of a folder nobody has read."""
        return sum(not stored.seen for stored in self.folders[folder].messages)

    def remove(self, folder: str, uid: int) -> None:
        """Deletes a mail."""
        with self.lock:
            place = self.folders[folder]
            place.messages = [stored for stored in place.messages if stored.uid != uid]

    def damage(self, folder: str, uid: int) -> None:
        """From now on the server refuses to give the content of this mail, as servers with a corrupt index do."""
        self.folders[folder].within(str(uid))[0].damaged = True

    def renumber(self, folder: str) -> None:
        """Gives the folder a new UIDVALIDITY and its mails new UIDs, as a restored mailbox has them."""
        with self.lock:
            place = self.folders[folder]
            place.validity += 1
            for uid, stored in enumerate(place.messages, start=1):
                stored.uid = uid
            place.next_uid = len(place.messages) + 1

    def serve(self, connection: Connection) -> None:
        """Talks with one client until it leaves."""
        session = Session(self, connection)
        connection.write_line("* OK IMAP4rev1 stand-in")
        self.sessions.add(session)
        try:
            while not session.over:
                session.obey(*read_command(connection))
        finally:
            self.sessions.discard(session)


class Session:
    """What one client does."""

    def __init__(self, server: ImapServer, connection: Connection) -> None:
        self.server = server
        self.connection = connection
        self.folder: Folder | None = None
        self.idles = False
        self.over = False
        self._welcome = False
        self._read_only = False

    def obey(self, tag: str, verb: str, arguments: list[bytes]) -> None:
        """Carries out one command."""
        if verb not in _VERBS:
            return self._done(tag, "BAD Unknown command")
        if not self._welcome and verb not in _BEFORE_LOGIN:
            return self._done(tag, "NO Log in first")
        try:
            getattr(self, f"_{verb.lower()}")(tag, arguments)
        except (IndexError, ValueError):
            self._done(tag, "BAD Malformed arguments")

    def _done(self, tag: str, result: str) -> None:
        self.connection.write_line(f"{tag} {result}")

    def _tell(self, line: str) -> None:
        self.connection.write_line(f"* {line}")

    def _capability(self, tag: str, _: list[bytes]) -> None:
        self._tell("CAPABILITY IMAP4rev1 AUTH=PLAIN SPECIAL-USE" + " IDLE" * self.server.idle)
        self._done(tag, "OK Done")

    def _noop(self, tag: str, _: list[bytes]) -> None:
        if self.folder is not None:
            self._tell(f"{len(self.folder.messages)} EXISTS")
        self._done(tag, "OK Done")

    def _logout(self, tag: str, _: list[bytes]) -> None:
        self._tell("BYE")
        self._done(tag, "OK Done")
        self.over = True

    def _login(self, tag: str, arguments: list[bytes]) -> None:
        self._let_in(tag, arguments[0].decode(), arguments[1].decode())

    def _authenticate(self, tag: str, arguments: list[bytes]) -> None:
        if arguments[0].upper() != b"PLAIN":
            return self._done(tag, "NO Unknown mechanism")
        self.connection.write_line("+ ")
        _, user, password = b64decode(self.connection.line()).decode().split("\0")
        self._let_in(tag, user, password)

    def _let_in(self, tag: str, user: str, password: str) -> None:
        self._welcome = (user, password) == (self.server.user, self.server.password)
        self._done(tag, "OK Welcome" if self._welcome else "NO [AUTHENTICATIONFAILED] Wrong user or password")

    def _list(self, tag: str, _: list[bytes]) -> None:
        for folder in self.server.folders.values():
            flags = f"\\HasNoChildren {folder.flag}".strip()
            self._tell(f'LIST ({flags}) "/" "{folder.name}"')
        self._done(tag, "OK Done")

    def _select(self, tag: str, arguments: list[bytes]) -> None:
        self._open(tag, arguments[0].decode(), read_only=False)

    def _examine(self, tag: str, arguments: list[bytes]) -> None:
        self._open(tag, arguments[0].decode(), read_only=True)

    def _open(self, tag: str, name: str, *, read_only: bool) -> None:
        self.folder, self._read_only = self.server.folders.get(name), read_only
        if self.folder is None:
            return self._done(tag, "NO [NONEXISTENT] No such folder")
        self._tell(f"{len(self.folder.messages)} EXISTS")
        self._tell("0 RECENT")
        self._tell(f"OK [UIDVALIDITY {self.folder.validity}]")
        self._tell(f"OK [UIDNEXT {self.folder.next_uid}]")
        self._done(tag, f"OK [READ-{'ONLY' if read_only else 'WRITE'}] Done")

    def _append(self, tag: str, arguments: list[bytes]) -> None:
        name = arguments[0].decode()
        if name not in self.server.folders:
            return self._done(tag, "NO [TRYCREATE] No such folder")
        uid = self.server.deliver(name, arguments[-1])
        self._done(tag, f"OK [APPENDUID {self.server.folders[name].validity} {uid}] Done")

    def _idle(self, tag: str, _: list[bytes]) -> None:
        with self.server.lock:
            self.idles = True
        self.connection.write_line("+ idling")
        try:
            ending = self.connection.line()
        finally:
            self.idles = False
        self._done(tag, "OK Done" if ending.upper() == b"DONE" else "BAD Expected DONE")

    def _uid(self, tag: str, arguments: list[bytes]) -> None:
        if self.folder is None:
            return self._done(tag, "BAD Select a folder first")
        command, rest = arguments[0].decode().upper(), [argument.decode() for argument in arguments[1:]]
        if command == "SEARCH":
            return self._search(tag, self.folder, rest)
        if command == "FETCH":
            return self._fetch(tag, self.folder, rest[0], " ".join(rest[1:]))
        return self._done(tag, "BAD Unknown command")

    def _search(self, tag: str, folder: Folder, criteria: list[str]) -> None:
        found: Iterable[Stored] = folder.messages
        words = iter(criteria)
        for word in words:
            found = _narrowed(folder, found, word.upper(), words)
        self._tell(" ".join(["SEARCH", *(str(stored.uid) for stored in found)]))
        self._done(tag, "OK Done")

    def _fetch(self, tag: str, folder: Folder, numbers: str, items: str) -> None:
        with self.server.lock:
            wanted = folder.within(numbers)
        for stored in wanted:
            if stored.damaged and "BODY" in items:
                return self._done(tag, "NO [SERVERBUG] Some messages could not be fetched")
            parts = [b"UID %d" % stored.uid, *self._items(stored, items)]
            self.connection.write(b"* %d FETCH (" % folder.sequence_number(stored), b" ".join(parts), b")\r\n")
        return self._done(tag, "OK Done")

    def _items(self, stored: Stored, items: str) -> Iterator[bytes]:
        if "FLAGS" in items:
            yield b"FLAGS (%s)" % (b"\\Seen" if stored.seen else b"")
        if "RFC822.SIZE" in items:
            yield b"RFC822.SIZE %d" % len(stored.body)
        if "INTERNALDATE" in items:
            yield f'INTERNALDATE "{_internal_date(stored.at)}"'.encode()
        if asked := re.search(r"BODY(\.PEEK)?\[(HEADER)?\](?:<(\d+)\.(\d+)>)?", items):
            stored.seen = stored.seen or not (asked[1] or self._read_only)
            content = stored.body.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if asked[2] else stored.body
            origin = b"<%d>" % int(asked[3]) if asked[3] else b""
            content = content[int(asked[3]) :][: int(asked[4])] if asked[3] else content
            yield b"BODY[%s]%s {%d}\r\n" % ((asked[2] or "").encode(), origin, len(content)) + content


_BEFORE_LOGIN = {"CAPABILITY", "NOOP", "LOGOUT", "LOGIN", "AUTHENTICATE"}
_VERBS = _BEFORE_LOGIN | {"LIST", "SELECT", "EXAMINE", "APPEND", "IDLE", "UID"}


def _narrowed(folder: Folder, found: Iterable[Stored], word: str, words: Iterator[str]) -> list[Stored]:
    if word == "CHARSET":
        next(words)
    elif word == "SINCE":
        day, month, year = next(words).split("-")
        since = datetime(int(year), _MONTHS.index(month.title()) + 1, int(day), tzinfo=UTC)
        return [stored for stored in found if stored.at >= since]
    elif word == "UID":
        return folder.within(next(words))
    elif word != "ALL":
        raise ValueError(word)
    return list(found)


def _internal_date(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day:2d}-{_MONTHS[at.month - 1]}-{at:%Y %H:%M:%S} +0000"
