"""The channels and the survey provider: real plugins of vendors that take, lose and repeat what they please."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import PrivateAttr

from cxsdk.capabilities import Channel, Inbound, Reader, SurveyProvider
from cxsdk.domain.facts import Delivery, Fact, IdentityClaim, OptOut
from cxsdk.domain.interaction import InteractionFact, Kind
from cxsdk.domain.outward import Message, Receipt
from cxsdk.domain.raw import Page, Raw
from cxsdk.domain.survey import Invitation, Response
from cxsdk.errors import BadInput
from cxsdk.testing.simulation.line import Line
from cxsdk.testing.simulation.scene import Scene

_FACTS = {kind.__name__: kind for kind in (InteractionFact, Delivery, Response, OptOut, IdentityClaim)}

#: Where customers answer; the survey's name and the invitation's token follow.
PAGES = "https://forms.example.com/"


def told(fact: str, **fields: Any) -> dict[str, Any]:
    """What a vendor tells: one fact, as it goes over the wire."""
    return {"fact": fact, **fields}


def understood(raw: Raw) -> Iterator[Fact]:
    """The facts that a vendor told."""
    payload = raw.payload()
    for one in payload if isinstance(payload, list) else [payload]:
        kind = _FACTS.get(one.pop("fact", ""))
        if kind is None:
            raise BadInput("is no fact.", field="fact", code="fact_unknown")
        yield kind.model_validate(one)


class _Sending(Channel, Inbound):
    """A channel that sends; what it has sent is kept by its key."""

    batch_size: ClassVar[int] = 10

    _line: Line = PrivateAttr()
    _scene: Scene = PrivateAttr()
    _sent: dict[str, str] = PrivateAttr(default_factory=dict)
    _seen: dict[str, Any] = PrivateAttr(default_factory=dict)
    _deliver: Callable[[Message, str], None] = PrivateAttr()

    def connect(self, scene: Scene, line: Line, deliver: Callable[[Message, str], None]) -> None:
        """Sends over this line; ``deliver`` brings a message, and its id, to whom it is for."""
        self._scene, self._line, self._deliver = scene, line, deliver

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        """Sends each."""
        return self._line.call("send", messages, [f"to:{message.to}" for message in messages], self._take)

    def _take(self, message: Message) -> Receipt:
        if self.duplicates == "upsert" and message.key in self._sent:
            return Receipt.duplicate(self._sent[message.key])
        id = f"{self.name}-{self._scene.number()}"
        self._sent[message.key], self._seen[message.key] = id, self._scene.now
        self._deliver(message, id)
        return Receipt.accepted(id)

    def find_written(self, keys: Sequence[str]) -> Iterator[str | None]:
        """What was sent under these keys, once the search has seen it."""
        return self._line.call("find_written", keys, keys, self._find)

    def _find(self, key: str) -> str | None:
        seen = key in self._seen and self._seen[key] + self.lookup_lag <= self._scene.now
        return self._sent[key] if seen else None

    def parse(self, raw: Raw) -> Iterator[Fact]:
        """What the vendor tells."""
        return understood(raw)


class Mailbox(_Sending):
    """A mailbox that is read page by page; pages come again, and the place is lost now and then."""

    reaches = "email"
    kind = Kind.EMAIL

    _letters: list[Raw] = PrivateAttr(default_factory=list)
    _repeats: int = PrivateAttr(default=0)

    def put(self, letter: dict[str, Any], id: str) -> None:
        """A letter has come, or was sent by an agent."""
        self._letters.append(Raw(id=id, body=json.dumps(letter).encode()))

    @property
    def letters(self) -> int:
        """How many there are."""
        return len(self._letters)

    def repeat(self, letters: int) -> None:
        """At the next reading, so many letters come again."""
        self._repeats = letters

    def sources(self) -> Mapping[str, Reader]:
        """The one folder."""
        return {"inbox": self._read}

    def _read(self, cursor: str | None, stop: Any) -> Iterator[Page]:
        start = int(cursor or 0)
        at, self._repeats = max(0, start - self._repeats), 0
        while at < len(self._letters) and not stop.is_set():
            page = self._letters[at : at + 20]
            at += len(page)
            yield Page(items=tuple(page), cursor=str(max(at, start)))


class Office(_Sending):
    """A phone system and a messenger's bot, with buttons under its questions; it cannot tell what it has sent."""

    reaches = "telegram"
    inline_answers = True


class Forms(SurveyProvider):
    """Pages where surveys are answered."""

    def link(self, invitation: Invitation) -> str:
        """The invitation's own page."""
        return f"{PAGES}{invitation.survey}/{invitation.token}"


def promising(kind: type[Any], name: str, duplicates: Literal["upsert", "lookup", "none"], **capabilities: Any) -> Any:
    """An account of a plugin of this kind, whose vendor promises so much."""
    about = {"__module__": __name__, "duplicates": duplicates, **capabilities}
    return type(kind.__name__, (kind,), about)(name=name)
