"""The accounts at that vendor, against the public contract like anybody's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from cxsdk import (
    CRM,
    Agent,
    BusinessEvent,
    Channel,
    Context,
    Fact,
    Inbound,
    InteractionFact,
    LogEntry,
    Message,
    OAuth,
    OptOut,
    Page,
    Person,
    PersonErased,
    PersonMerged,
    Plugin,
    Raw,
    Reader,
    Receipt,
    Request,
    Secret,
    Task,
    TaskChange,
    hookimpl,
)
from cxsdk.domain.facts import MessageRequest
from tests.crash.vendor import LAG_S, ODD
from tests.servers.oauth import CLIENT_ID, CLIENT_SECRET

_FACTS = {
    kind.__name__: kind
    for kind in (InteractionFact, BusinessEvent, MessageRequest, OptOut, TaskChange, PersonMerged, PersonErased)
}  # fmt: skip
#: With a claim's lease of a second, so that a call's answer can still be written down.
DEADLINE_S = 0.6


class _Account(Plugin, Inbound):
    """What all accounts there have in common."""

    url: str

    deadline_s = DEADLINE_S
    poll_every = timedelta(seconds=0.5)

    def open(self, context: Context) -> None:
        self._context = context
        self._http = context.http(self.url)

    def _ask(self, method: str, values: Sequence[BaseModel | str], *, reads: bool = False) -> list[Any]:
        asked = [value if isinstance(value, str) else value.model_dump(mode="json") for value in values]
        answers: list[Any] = self._http.post(f"/{method}", json=asked, reads=reads)
        return answers

    def _write(self, method: str, values: Sequence[BaseModel]) -> Iterator[Receipt]:
        for value, told in zip(values, self._ask(method, values), strict=True):
            yield _receipt(value, told)

    def verify(self, request: Request, now: datetime) -> None:
        """Everybody is believed here."""

    def event_key(self, request: Request) -> str:
        return str(Raw(id="-", body=request.body).payload()["key"])

    def parse(self, raw: Raw) -> Iterator[Fact]:
        fact = raw.payload()
        fact.pop("pause_s", None)
        at = datetime.fromtimestamp(fact.pop("at"), UTC)
        yield _FACTS[fact.pop("fact")].model_validate({**fact, "at": at})

    def _read(self, method: str, cursor: str | None, stop: Any) -> Iterator[Page]:
        after = int(cursor or 0)
        while page := self._http.post(f"/{method}", json=[after], reads=True)[0]:
            after += len(page)
            yield Page(items=[Raw.of(fact, id=fact["key"]) for fact in page], cursor=str(after))
            if page[-1].get("pause_s"):
                stop.wait(page[-1]["pause_s"])


class Office(_Account, CRM):
    """The CRM, which knows a record again by its key."""

    duplicates = "upsert"
    batch_size = 10

    def find_people(self, who: Sequence[Person]) -> Sequence[str | None]:
        return self._ask("find_people", who, reads=True)

    def create_people(self, people: Sequence[Person]) -> Iterator[Receipt]:
        return self._write("create_people", people)

    def log(self, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        return self._write("log", entries)

    def save_tasks(self, tasks: Sequence[Task]) -> Iterator[Receipt]:
        return self._write("save_tasks", tasks)

    def find_written(self, keys: Sequence[str]) -> Sequence[str | None]:
        return self._ask("find_written", keys, reads=True)

    def agents(self) -> Iterator[Agent]:
        return (Agent.model_validate(told) for told in self._ask("agents", ["all"], reads=True))

    def sources(self) -> Mapping[str, Reader]:
        return {"changes": lambda cursor, stop: self._read("read_changes", cursor, stop)}


class LookupOffice(Office):
    """The CRM as others are: it can only be searched for what it has."""

    duplicates = "lookup"
    lookup_lag = timedelta(seconds=LAG_S + 0.1)


class _Sending(_Account, Channel):
    reaches = "line"

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        yield from self._write("send_once" if self.duplicates == "upsert" else "send", messages)
        self._context.state.put("last", messages[-1].key)


class Line(_Sending):
    """A messenger over which all sorts of things come in. It can be searched."""

    duplicates = "lookup"
    lookup_lag = timedelta(seconds=LAG_S + 0.1)

    def find_written(self, keys: Sequence[str]) -> Sequence[str | None]:
        return self._ask("find_sent", keys, reads=True)

    def sources(self) -> Mapping[str, Reader]:
        return {"letters": lambda cursor, stop: self._read("read_letters", cursor, stop)}

    def acknowledge(self, raw: Raw, thanks: str) -> None:
        self._ask("hear", [f"safe {raw.id}"])


class Pager(_Sending):
    """A messenger that takes few messages at once."""

    duplicates = "upsert"


class Sms(_Sending):
    """A messenger that can neither be searched nor knows anything again."""

    duplicates = "none"


class Guarded(Channel, Inbound):
    """An account that is connected by OAuth, and asks now and then whether there is anything new."""

    url: str

    deadline_s = DEADLINE_S
    poll_every = timedelta(seconds=0.5)

    def open(self, context: Context) -> None:
        oauth = OAuth(
            client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET), hosts=("127.0.0.1",),
            authorize_url=f"{self.url}/authorize", token_url=f"{self.url}/token",
        )  # fmt: skip
        self._http = context.http("{api_domain}/api", oauth=oauth)

    def parse(self, raw: Raw) -> Iterator[Fact]:
        yield from ()

    def sources(self) -> Mapping[str, Reader]:
        return {"news": self._read}

    def _read(self, cursor: str | None, stop: Any) -> Iterator[Page]:
        self._http.get("/news")
        yield from ()


class Listener:
    """A plugin that tells the vendor of what it hears, and prefers the line."""

    def __init__(self, url: str) -> None:
        self._url = url

    @hookimpl
    def on_interaction_logged(self, entry_id: str) -> None:
        self._tell(f"logged {entry_id}")

    @hookimpl
    def on_case_opened(self, case_id: str) -> None:
        self._tell(f"opened {case_id}")

    @hookimpl
    def choose_channel(self, channels: Sequence[str]) -> str | None:
        return "line" if "line" in channels else None

    def _tell(self, what: str) -> None:
        import requests

        requests.post(f"{self._url}/hear", json=[what], timeout=5).raise_for_status()


def _receipt(value: Any, told: dict[str, str]) -> Receipt:
    if "rejected" in told:
        return Receipt.rejected(told["rejected"])
    if ODD in getattr(value, "text", ""):
        # half an emoji, which no database keeps: past the checks, as only a mistake of a plugin's could bring it
        return Receipt.model_construct(outcome=Receipt.accepted().outcome, id="\ud83d")
    return Receipt.accepted(told["id"])
