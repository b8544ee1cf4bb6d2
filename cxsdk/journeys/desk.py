"""A desk: what differs between the kinds of outward work."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from cxsdk.domain.outward import Receipt
from cxsdk.journeys.runtime import Runtime
from cxsdk.policy.decision import Decision
from cxsdk.store import Transaction

#: How many times as long as a call a claim lasts, at the least.
_LEASES = 1.5

#: Rows with the receipts that say that they are done.
Finished = Sequence[tuple[Row[Any], Receipt]]


class Desk(ABC):
    """How a row becomes a value, who is called with it, and what follows."""

    #: The account's way with values that are sent twice; see ``CRM.duplicates``.
    duplicates: str = "upsert"
    lookup_lag: timedelta = timedelta(0)
    batch_size: int = 1
    #: How long after one batch the next begins, unless the one was full: a call for many costs no more than for one.
    linger_s: float = 0.5
    #: Whether something about the customer follows from a receipt; else nobody waits for it who decides about them.
    decides: bool = True
    #: Whether a value names a person of the CRM, so that it can wait for another one where that one is gone.
    needs_person: bool = False
    #: Whether a value that may have been sent may be sent again where nobody can tell.
    repeats: bool = True
    #: Whether what is there is changed in place: then a change that may have been made is made again without harm.
    updates: bool = True

    def __init__(self, runtime: Runtime, account: str) -> None:
        self.runtime = runtime
        self.account = account
        #: How long a call may take: as long as fits into a claim, where the plugin does not say.
        self.deadline_s = runtime.lease.total_seconds() / _LEASES

    @property
    def lease(self) -> timedelta:
        """How long a claim lasts: longer than a call may take, so that its answer can be written down."""
        return max(self.runtime.lease, timedelta(seconds=self.deadline_s * _LEASES))

    @property
    def settled_after(self) -> timedelta:
        """How long after its mark a call has certainly ended, and ``find_written`` sees what it wrote."""
        return timedelta(seconds=self.deadline_s) + self.lookup_lag

    def prepare(self) -> None:
        """What must be asked over the network before a batch is built."""

    @abstractmethod
    def build(self, tx: Transaction, rows: Sequence[Row[Any]]) -> Mapping[int, Any]:
        """The value of each row by its id; a Rejected instead of a value sets the row aside."""

    def not_now(self, tx: Transaction, rows: Sequence[Row[Any]]) -> Mapping[int, Decision]:
        """What speaks by now against sending some of these rows: until when, or for ever."""
        return {}

    @abstractmethod
    def call(self, values: Sequence[Any]) -> Iterable[Receipt]:
        """Asks the plugin: receipts in the order of the values."""

    def find_written(self, keys: Sequence[str]) -> Iterable[str | None]:
        """The provider's ids of what was written under these keys."""
        raise NotImplementedError

    @abstractmethod
    def done(self, tx: Transaction, finished: Finished) -> None:
        """What follows from values that are there now, in the transaction that writes them down."""

    def opted_out(self, tx: Transaction, row: Row[Any], reason: str) -> None:
        """What follows where the provider says that the customer wants none of these."""

    def given_up(self, tx: Transaction, row: Row[Any], reason: str) -> None:
        """What follows from a value that is set aside."""

    def dropped(self, tx: Transaction, row: Row[Any], decision: Decision) -> None:
        """What follows from a value that nobody has sent, and that is not sent any more."""
