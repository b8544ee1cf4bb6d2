"""The scriptable CRM passes the conformance kit, with either way of keeping values single."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal

from cxsdk import AuthenticationError, RateLimited, Transient
from cxsdk.domain.case import Task
from cxsdk.domain.identity import Person
from cxsdk.domain.outward import LogEntry
from cxsdk.testing import Answer, CannotPlay, CRMConformance, Fault, StandIn
from cxsdk.testing.crm import FakeCRM, fake_crm, lost


class Ledger(StandIn):
    """The fake's own ledger, and its own ways to fail."""

    duplicates: Literal["upsert", "lookup"] = "upsert"

    def __init__(self) -> None:
        self.crm = fake_crm(self.duplicates, lookup_lag=timedelta(seconds=5 if self.duplicates == "lookup" else 0))

    def records(self) -> Iterator[tuple[str, Any]]:
        for kind in (Person, LogEntry, Task):
            yield from [(record.id, record.value) for record in self.crm.records(kind)]

    def refuse(self, text: str) -> None:
        for words in ("Sample", "Hello", "Call back"):
            self.crm.refuse(f"{words} {text}")

    def suffer(self, fault: Fault, answer: Answer | None = None, *, after: int = 0) -> None:
        match fault:
            case Fault.LIMIT:
                self.crm.fall_ill(RateLimited("slower", retry_after=answer.wait if answer else None))
            case Fault.UNAUTHORIZED:
                self.crm.fall_ill(AuthenticationError())
            case Fault.DOWN | Fault.UNREACHABLE:
                self.crm.fall_ill(Transient())
            case Fault.LOST:
                for method in TestUpsert.methods:
                    self.crm.script(method, lost())
            case _:
                raise CannotPlay(fault)


class LookupLedger(Ledger):
    duplicates = "lookup"


class TestUpsert(CRMConformance):
    stand_in = Ledger

    def plugin(self) -> FakeCRM:
        return self.provider.crm


class TestLookup(TestUpsert):
    stand_in = LookupLedger
