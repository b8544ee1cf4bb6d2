"""Plugins that do what no plugin should: they end programs, never end, give what they must not, and tell secrets."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import PrivateAttr

from cxsdk import (
    Channel,
    Direction,
    Fact,
    Inbound,
    InteractionFact,
    LogEntry,
    Page,
    Raw,
    Reader,
    Receipt,
    Request,
    Secret,
    email,
)
from cxsdk.testing.crm import FakeCRM

SECRET = "sample-secret-of-a-hostile-plugin"
#: Ends the threads that were left behind.
OVER = threading.Event()


def end(error: type[BaseException]) -> Callable[[], Any]:
    """Raises it, with the secret in its words."""

    def do() -> Any:
        raise error(f"token={SECRET}")

    return do


def leave_a_thread() -> Any:
    """Leaves a thread behind and fails."""
    threading.Thread(target=OVER.wait, name="left", daemon=True).start()
    raise ValueError(SECRET)


def overflow() -> Any:
    """Calls itself until the stack is full."""
    return overflow()


#: What any method may do in place of its work.
DEEDS: dict[str, Callable[[], Any]] = {
    "exit": end(SystemExit),
    "interrupt": end(KeyboardInterrupt),
    "stop generators": end(GeneratorExit),
    "stop iteration": end(StopIteration),
    "memory": end(MemoryError),
    "recursion": overflow,
    "tell the secret": end(RuntimeError),
    "none": lambda: None,
    "a number": lambda: 7,
    "a text": lambda: SECRET,
    "things": lambda: [None, {"secret": SECRET}, object()],
    "no end": lambda: itertools.repeat(object()),
    "a thread": leave_a_thread,
}


def fact(raw: Raw, text: str) -> InteractionFact:
    """A letter from a customer of its own."""
    said = raw.payload()
    return InteractionFact(
        key=f"{raw.id[:60]}", at=said["at"], direction=Direction.INBOUND, sender=email(said["from"]), text=text
    )


class HostileChannel(Channel, Inbound):
    """Does to a record what the record says."""

    token: Secret

    def verify(self, request: Request, now: datetime) -> None:
        if deed := request.header("X-Verify"):
            DEEDS[deed]()

    def event_key(self, request: Request) -> str:
        if deed := request.header("X-Key"):
            return str(DEEDS[deed]()) if deed == "a number" else DEEDS[deed]()
        return super().event_key(request)

    def parse(self, raw: Raw) -> Any:
        said = raw.payload()
        deed = said["do"]
        if deed in DEEDS:
            return DEEDS[deed]()
        if deed == "facts without end":
            return (fact(raw, f"{number}") for number in itertools.count())
        if deed == "change the record":
            raw.__dict__["body"] = b"{}"
            raw.__dict__["id"] = "another"
        return [fact(Raw.of(said, id=raw.id), "x" * 2_000_000 if deed == "a huge text" else said["text"])]

    def acknowledge(self, raw: Raw, thanks: str) -> None:
        raise SystemExit(SECRET)


class HostileSource(Channel, Inbound):
    """Its sources end programs."""

    token: Secret

    def sources(self) -> Mapping[str, Reader]:
        return {deed.replace(" ", "-"): self._reader(do) for deed, do in DEEDS.items()}

    def _reader(self, do: Callable[[], Any]) -> Reader:
        def read(cursor: str | None, stop: Any) -> Iterator[Page]:
            yield Page(items=(Raw.of({"n": 1}),), cursor="1")
            yield from do()

        return read

    def parse(self, raw: Raw) -> Iterator[Fact]:
        yield from ()


class NoSources(Channel, Inbound):
    """Cannot even say which sources it has."""

    token: Secret

    def sources(self) -> Mapping[str, Reader]:
        raise SystemExit(SECRET)

    def parse(self, raw: Raw) -> Iterator[Fact]:
        yield from ()


class HostileCRM(FakeCRM):
    """Does what an entry says when it is first asked for it, and after that does well."""

    deadline_s = 0.1

    _done: set[str] = PrivateAttr(default_factory=set)

    def log(self, entries: Sequence[LogEntry]) -> Any:
        fresh = [entry.text for entry in entries if entry.text not in self._done]
        self._done.update(fresh)
        for deed in fresh:
            if deed in DEEDS:
                return DEEDS[deed]()
            if deed == "sleep":
                time.sleep(0.15)
            if deed == "change the values":
                changed = list(entries)
                entries.clear()  # type: ignore[attr-defined]
                changed[0].__dict__["text"] = "changed"
                return []
            if deed == "a huge id":
                return [Receipt.accepted("x" * 3_000_000) for _ in entries]
        return super().log(entries)

    def find_people(self, who: Sequence[Any]) -> Any:
        if "find" not in self._done:
            self._done.add("find")
            raise SystemExit(SECRET)
        return super().find_people(who)

    def agents(self) -> Any:
        raise SystemExit(SECRET)
