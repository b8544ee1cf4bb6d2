"""The plugins for that CRM, against the public contract like anybody's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from cxsdk import CRM, Context, LogEntry, Person, Receipt

#: How much later than in a quiet hour a busy machine may write what it was sent, in seconds.
_LATE_S = 2.0


class _Account(CRM):
    """What both sorts of account have in common."""

    url: str

    batch_size = 50
    deadline_s = 2.0  # within a claim's lease of four seconds

    def open(self, context: Context) -> None:
        self._http = context.http(self.url)

    def find_people(self, who: Sequence[Person]) -> Sequence[str | None]:
        return self._search("/people/search", [_identities(person) for person in who])

    def create_people(self, people: Sequence[Person]) -> Iterator[Receipt]:
        return self._write("/people", [{"key": p.key, "identities": _identities(p)} for p in people])

    def log(self, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        return self._write("/contacts", [{"key": e.key, "comment": e.comment} for e in entries])

    def find_written(self, keys: Sequence[str]) -> Sequence[str | None]:
        return self._search("/written/search", list(keys))

    def _search(self, path: str, wanted: Sequence[object]) -> Sequence[str | None]:
        found: list[str | None] = self._http.post(path, json=wanted, reads=True)
        return found

    def _write(self, path: str, records: Sequence[object]) -> Iterator[Receipt]:
        return map(_receipt, self._http.post(path, json=records))


class UpsertCRM(_Account):
    """A CRM that knows a record again by its key."""

    duplicates = "upsert"


class LookupCRM(_Account):
    """A CRM that can only be searched, and whose search lags by two seconds."""

    duplicates = "lookup"
    lookup_lag = timedelta(seconds=2.0 + _LATE_S)


def _receipt(told: dict[str, str]) -> Receipt:
    return Receipt.deferred(told["error"]) if "error" in told else Receipt.accepted(told["id"])


def _identities(person: Person) -> list[str]:
    return [str(identity) for identity in person.identities]
