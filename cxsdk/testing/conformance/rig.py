"""A plugin that is open on the stand-in of its provider, and what its calls give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from typing import Any

from pydantic import BaseModel

from cxsdk.domain.clock import ManualClock
from cxsdk.domain.outward import Outcome, Receipt
from cxsdk.errors import OutcomeUnknown, Rejected
from cxsdk.testing.context import SampleContext
from cxsdk.testing.stand_in import HttpStandIn, StandIn


@dataclass
class Attempt:
    """What one call of an outward method gave: receipts, and perhaps an error about the rest."""

    values: Sequence[Any]
    receipts: list[Any] = field(default_factory=list)
    error: Exception | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the first value was refused for good."""
        refused = [r for r in self.receipts[:1] if isinstance(r, Receipt) and r.outcome is Outcome.REJECTED]
        return bool(refused) or (not self.receipts and isinstance(self.error, Rejected))

    @property
    def is_done(self) -> bool:
        """Whether the first value is said to be there."""
        return bool(self.receipts) and isinstance(self.receipts[0], Receipt) and self.receipts[0].is_done

    @property
    def is_unknown(self) -> bool:
        """Whether the first value is said to be there perhaps."""
        if self.receipts:
            return isinstance(self.receipts[0], Receipt) and self.receipts[0].outcome is Outcome.UNKNOWN
        return isinstance(self.error, OutcomeUnknown)

    def __str__(self) -> str:
        said = [f"{r.outcome.value} id={r.id} {r.reason}".rstrip() if isinstance(r, Receipt) else repr(r)
                for r in self.receipts]  # fmt: skip
        said += [f"{type(self.error).__name__}: {self.error}"] if self.error else []
        return "; ".join(said) or "nothing"


class Rig:
    """One plugin, open, on the stand-in of its provider."""

    def __init__(self, plugin: Any, provider: StandIn, context: SampleContext, clock: ManualClock) -> None:
        self.plugin = plugin
        self.provider = provider
        self.context = context
        self.clock = clock

    def call(self, method: str, values: Sequence[Any]) -> Attempt:
        """One call of an outward method, as the core makes it."""
        attempt = Attempt(values)
        try:
            for receipt in getattr(self.plugin, method)(list(values)):
                attempt.receipts.append(receipt)
                if len(attempt.receipts) > len(values):
                    break
        except Exception as error:  # noqa: BLE001 - which error it is, is what is tested
            attempt.error = error
        return attempt

    def of(self, name: str, act: Callable[[], Sequence[Any]]) -> Attempt:
        """What another method gave."""
        try:
            return Attempt([name], list(act()))
        except Exception as error:  # noqa: BLE001 - as above
            return Attempt([name], [], error)

    def holding(self, text: str) -> list[tuple[str, Any]]:
        """The provider's records with this text anywhere in them."""
        found = self.provider.records()
        pairs = found.items() if isinstance(found, Mapping) else found
        return [(str(id), record) for id, record in pairs if text in words(record)]

    def requests_made(self) -> int:
        """How many requests the plugin has made so far."""
        if isinstance(self.provider, HttpStandIn):
            return len(self.provider.requests)
        return len(self.context.requests)

    def told(self) -> str:
        """What was asked and answered."""
        return self.provider.told() if isinstance(self.provider, HttpStandIn) else ""


def words(record: object) -> str:
    """All that a record says, in one text."""
    return "\n".join(_words(record))


def _words(value: object) -> Iterator[str]:
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    elif is_dataclass(value) and not isinstance(value, type):
        value = vars(value)
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (word for pair in value.items() for word in _words(pair))
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
    elif isinstance(value, Iterable):
        yield from (word for item in value for word in _words(item))
    else:
        yield str(value)
