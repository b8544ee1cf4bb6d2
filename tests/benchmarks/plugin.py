"""The plugin for the CRM of the benchmarks, against the public contract like anybody's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cxsdk import CRM, Context, LogEntry, Person, Receipt


class BatchCRM(CRM):
    """A CRM that takes 100 records in a call, and knows a record again by its key."""

    url: str

    batch_size = 100
    duplicates = "upsert"

    def open(self, context: Context) -> None:
        self._http = context.http(self.url)

    def find_people(self, who: Sequence[Person]) -> Sequence[str | None]:
        found: list[str | None] = self._http.post("/people/search", json=[_identities(p) for p in who], reads=True)
        return found

    def create_people(self, people: Sequence[Person]) -> Iterator[Receipt]:
        records = [{"key": p.key, "name": p.name, "identities": _identities(p)} for p in people]
        return map(Receipt.accepted, self._http.post("/people", json=records))

    def log(self, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        return map(Receipt.accepted, self._http.post("/contacts", json=[_record(e) for e in entries]))


class SingleCRM(BatchCRM):
    """The same CRM, one record in a call."""

    batch_size = 1


def _identities(person: Person) -> list[str]:
    return [str(identity) for identity in person.identities]


def _record(entry: LogEntry) -> dict[str, object]:
    return {
        "key": entry.key,
        "person": entry.person_id,
        "kind": entry.kind,
        "direction": entry.direction,
        "at": entry.at.isoformat(),
        "seconds": entry.seconds,
        "comment": entry.comment,
    }
