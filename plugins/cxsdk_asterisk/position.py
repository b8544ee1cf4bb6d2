"""How far AMI was read: until when, and which calls went on then. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from cxsdk import CallState, Fact, InteractionFact

_GOES_ON = frozenset({CallState.RINGING, CallState.ANSWERED})


@dataclass(frozen=True)
class Position:
    """AMI keeps no past that could be read from a place on: what the cursor holds is what to ask after."""

    at: datetime
    calls: frozenset[str] = frozenset()

    @classmethod
    def read(cls, cursor: str | None, now: datetime) -> Self:
        """From its stored form; of one that cannot be read, nothing is known."""
        try:
            known = json.loads(cursor or "{}")
            return cls(datetime.fromisoformat(known["at"]), frozenset(map(str, known["calls"])))
        except (ValueError, KeyError, TypeError):
            return cls(now)

    def after(self, facts: Iterable[Fact], at: datetime) -> Position:
        """Where we are once these facts are known, the last of them told ``at``."""
        calls = set(self.calls)
        for fact in facts:
            if isinstance(fact, InteractionFact) and fact.state in _GOES_ON:
                calls.add(fact.interaction)
            elif isinstance(fact, InteractionFact) and fact.state is not None:
                calls.discard(fact.interaction)
        return Position(at, frozenset(calls))

    def cursor(self) -> str:
        """Its stored form."""
        return json.dumps({"at": self.at.isoformat(), "calls": sorted(self.calls)})
