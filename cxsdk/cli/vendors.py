"""What answers in place of the vendors in ``cxsdk dev``, so that nothing leaves the machine; each call is one line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from cxsdk.capabilities import Plugin
from cxsdk.context import AccountContext
from cxsdk.domain.outward import Message, Receipt
from cxsdk.errors import ConfigurationError, Rejected
from cxsdk.http import wire
from cxsdk.observe import redact
from cxsdk.testing.granting import MemoryVault
from cxsdk.testing.sent import SentRequest
from cxsdk.testing.stand_in import HttpStandIn

if TYPE_CHECKING:
    import requests

    from cxsdk.http.session import Carry

#: Prints one line.
Say = Callable[[str], None]

#: A line is cut off after so many characters: a message is longer than a request, and holds its link.
SHOWN, MESSAGE_SHOWN = 240, 1_000
#: What makes an account speak to its provider, besides the ways in.
OUTWARD = ("find_people", "create_people", "log", "save_tasks", "find_written", "agents", "send", "sources")


def put_in_place(account: Plugin, say: Say) -> str:
    """Puts something in the place of an account's vendor; tells in words what. Before the account is opened."""
    if account.is_local:
        return "works as it is: it speaks to nobody beyond this machine"
    stand_in = account.stand_in()
    if stand_in is not None:
        played = _checked(account, stand_in)
        _carry(account, Playing(played, account.name, say), granted=played.granted)
        return "its stand-in answers"
    _carry(account, Refusing(account.name), granted={})
    taking = Taking(account.name, say)
    for method in (*OUTWARD, "acknowledge"):
        if hasattr(account, method):
            vars(account)[method] = getattr(taking, method)
    if any(account.supports(method) for method in OUTWARD):
        return "has no stand-in: what it is given is shown here and goes nowhere, and nothing is read"
    return "only takes what comes in"


def is_kept_in(account: Plugin) -> bool:
    """Puts an account's stand-in in its vendor's place, unseen; tells whether nobody beyond this machine is asked."""
    if not account.is_local and account.stand_in() is None:
        return False
    put_in_place(account, lambda _: None)
    return True


def let_out(account: Plugin, say: Say) -> str:
    """Shows what goes out to an account's real vendor."""
    _carry(account, Showing(account.name, say))
    return "LIVE: it speaks to its real provider"


def _checked(account: Plugin, stand_in: object) -> HttpStandIn:
    if isinstance(stand_in, HttpStandIn):
        return stand_in
    raise ConfigurationError(
        f"It gives {type(stand_in).__name__}, which is no HttpStandIn.",
        path=f"{type(account).__name__}.stand_in",
        cure="Return an object of a subclass of cxsdk.testing.HttpStandIn, or None.",
        code="stand_in_invalid",
    )


def _carry(account: Plugin, carry: Carry, *, granted: Mapping[str, Any] | None = None) -> None:
    """From its opening on, an account's requests are carried like this; with ``granted``, it is connected already."""
    really_open = account.open

    def opening(context: AccountContext) -> None:
        context.carry = carry
        if granted is not None:
            context.vault = MemoryVault(context.clock, granted)
        really_open(context)

    vars(account)["open"] = opening


class Showing:
    """Carries requests over the wire, and shows them."""

    def __init__(self, account: str, say: Say) -> None:
        self._account = account
        self._say = say

    def __call__(
        self, http: wire.PacedSession, prepared: requests.PreparedRequest, limits: wire.Exchange
    ) -> requests.Response:
        """The answer."""
        try:
            answer = self._answer(http, prepared, limits)
        except Exception as error:
            self._tell(prepared, type(error).__name__)
            raise
        self._tell(prepared, str(answer.status_code))
        return answer

    def _answer(
        self, http: wire.PacedSession, prepared: requests.PreparedRequest, limits: wire.Exchange
    ) -> requests.Response:
        return wire.exchange(http, prepared, limits)

    def _tell(self, prepared: requests.PreparedRequest, outcome: str) -> None:
        self._say(f"{self._account}: {outcome} {cut(str(SentRequest.of(prepared)), SHOWN)}")


class Playing(Showing):
    """Brings a stand-in's answers. One request at a time: a stand-in was written for one thread."""

    def __init__(self, stand_in: HttpStandIn, account: str, say: Say) -> None:
        super().__init__(account, say)
        self._stand_in = stand_in
        self._lock = threading.Lock()

    def _answer(
        self, http: wire.PacedSession, prepared: requests.PreparedRequest, limits: wire.Exchange
    ) -> requests.Response:
        with self._lock:
            return self._stand_in.answer_to(prepared)


class Refusing:
    """Lets no request out."""

    def __init__(self, account: str) -> None:
        self._account = account

    def __call__(
        self, http: wire.PacedSession, prepared: requests.PreparedRequest, limits: wire.Exchange
    ) -> requests.Response:
        """Raises Rejected."""
        raise Rejected(
            f"{self._account}: nothing leaves this machine, and its plugin offers no stand-in. Let this account out "
            f"with: cxsdk dev --live {self._account}",
            code="kept_in",
        )


class Taking:
    """Takes what an account is given, in place of its plugin's own methods: it is written nowhere but on the terminal.

    It knows nobody, and so each stranger becomes a new person, under an id made of our key.
    """

    def __init__(self, account: str, say: Say) -> None:
        self._account = account
        self._say = say

    def find_people(self, who: Sequence[Any]) -> list[None]:
        """Nobody is known here."""
        return [None for _ in who]

    def find_written(self, keys: Sequence[str]) -> list[None]:
        """Nothing was written here."""
        return [None for _ in keys]

    def create_people(self, people: Sequence[BaseModel]) -> Iterator[Receipt]:
        """Takes new people."""
        return self._take("create_people", people)

    def log(self, entries: Sequence[BaseModel]) -> Iterator[Receipt]:
        """Takes entries of the timeline."""
        return self._take("log", entries)

    def save_tasks(self, tasks: Sequence[BaseModel]) -> Iterator[Receipt]:
        """Takes tasks."""
        return self._take("save_tasks", tasks)

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        """Takes messages."""
        return self._take("send", messages)

    def agents(self) -> Iterable[Any]:
        """Nobody works here."""
        return ()

    def sources(self) -> Mapping[str, Any]:
        """Nothing is read."""
        return {}

    def acknowledge(self, raw: object, thanks: str) -> None:
        """Nobody waits."""

    def _take(self, method: str, values: Sequence[Any]) -> Iterator[Receipt]:
        for value in values:
            self._say(f"{self._account}: {method} {_shown(value)}")
            yield Receipt.accepted(f"dev-{value.key}")


def _shown(value: BaseModel) -> str:
    if isinstance(value, Message):
        choices = "".join(f" [{choice.label}]" for choice in value.choices)
        return cut(f"to {value.to}: {redact(value.text)}{choices}", MESSAGE_SHOWN)
    return cut(redact(value.model_dump_json(exclude_defaults=True)), SHOWN)


def cut(text: str, length: int) -> str:
    """The text as one line, of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[:length]}…"
