"""One verdict with its reason, so that everything the system did or left undone can be explained afterwards."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from cxsdk.domain.values import Value


class Verdict(StrEnum):
    """What is to be done."""

    SEND = "send"  #: now
    HOLD = "hold"  #: not now: look again
    SKIP = "skip"  #: never


class Decision(Value):
    """One verdict of one rule. ``rule`` and ``reason`` are stable codes, ``text`` is a sentence for a person.

    ``until`` says when to look at a hold again, in UTC. A hold without it has no end of its own: look again when
    something happens (a case closes), and at the end of the window.
    """

    verdict: Verdict
    rule: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    reason: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    text: str
    until: datetime | None = None

    @model_validator(mode="after")
    def _only_a_hold_waits(self) -> Self:
        if self.until is not None and self.verdict is not Verdict.HOLD:
            raise ValueError("until belongs to a hold alone")
        return self
