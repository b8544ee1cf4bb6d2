"""The entry lane: contacts, invitations and answers on the CRM's timeline, once each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from cxsdk.domain.interaction import TEXT_LIMIT, Direction, Interaction, Kind
from cxsdk.domain.outward import LogEntry, Receipt
from cxsdk.errors import Rejected
from cxsdk.journeys.desk import Desk, Finished
from cxsdk.journeys.runtime import Runtime
from cxsdk.journeys.told import tell
from cxsdk.store import Transaction, customers
from cxsdk.store.interactions import Known
from cxsdk.store.outbox import OutKind, Owed


def entry_for(known: Known, crm: str, *, waits: bool) -> Owed:
    """The entry of a contact, as it stands, for a CRM's timeline."""
    contact = known.interaction
    body = {
        "kind": contact.kind,
        "direction": contact.direction,
        "at": contact.at.isoformat(),
        "account": known.account,
        "agent": contact.agent,
        "subject": contact.subject[:500],
        "text": contact.text[:TEXT_LIMIT],
        "comment": contact.comment[:TEXT_LIMIT],
        "state": contact.state,
        "seconds": contact.talk_seconds,
        "counterpart": _counterpart(contact),
        "recording_url": contact.recording_url,
        "attachments": [a.model_dump() for a in contact.attachments],
        "automatic": contact.automatic,
    }
    return Owed(
        crm, OutKind.ENTRY, known.id, body,
        customer_id=known.customer_id, subject_id=known.id, revision=known.revision, waits=waits,
    )  # fmt: skip


def survey_entry(
    runtime: Runtime, key: str, customer_id: str, direction: Direction, text: str, *, waits: bool, revision: int = 1,
    subject: str = "", account: str = "",
) -> Owed:  # fmt: skip
    """The entry of one of our own invitations, or of the answer to it."""
    at = runtime.clock.now().isoformat()
    body = {
        "kind": Kind.SURVEY, "direction": direction, "at": at, "text": text, "subject": subject, "account": account,
        "automatic": direction is Direction.OUTBOUND,
    }  # fmt: skip
    return Owed(runtime.crm.name, OutKind.ENTRY, key, body, customer_id, revision=revision, waits=waits)


def _counterpart(contact: Interaction) -> str:
    return contact.customer[0].value if contact.customer and contact.customer[0].kind != "anonymous" else ""


class EntryDesk(Desk):
    """Logs entries, and updates them or adds a note when more becomes known."""

    decides = False
    needs_person = True

    def __init__(self, runtime: Runtime, account: str) -> None:
        super().__init__(runtime, account)
        crm = runtime.crm
        self.duplicates, self.lookup_lag = crm.duplicates, crm.lookup_lag
        self.batch_size, self.deadline_s = crm.batch_size, crm.deadline_s
        self.updates = crm.updates_entries

    def prepare(self) -> None:
        """Agents are named by the CRM's ids."""
        self.runtime.agents.refresh()

    def build(self, tx: Transaction, rows: Sequence[Row[Any]]) -> Mapping[int, LogEntry | Rejected]:
        """Each row as an entry on its person's timeline."""
        people = customers.person_ids(tx, [row.customer_id for row in rows])
        return {row.id: self._entry(row, people.get(row.customer_id)) for row in rows}

    def _entry(self, row: Row[Any], person_id: str | None) -> LogEntry | Rejected:
        if person_id is None:
            return Rejected("The CRM has no person for it.", code="person_missing")
        body = dict(row.body)
        agent = body.pop("agent", None)
        entry = LogEntry(
            key=row.key, person_id=person_id, entry_id=row.provider_id, revision=row.wanted,
            agent_id=self.runtime.agents.id_of(agent), **body,
        )  # fmt: skip
        if row.provider_id and not self.runtime.crm.updates_entries:
            return _note(self.runtime, entry)
        return entry

    def call(self, values: Sequence[LogEntry]) -> Iterable[Receipt]:
        """Logs them in one call."""
        return self.runtime.crm.log(values)

    def find_written(self, keys: Sequence[str]) -> Iterable[str | None]:
        """The CRM's ids of entries logged under these keys."""
        return self.runtime.crm.find_written(keys)

    def done(self, tx: Transaction, finished: Finished) -> None:
        """Tells the plugins that listen, once for each contact; mostly none does, and nothing need be put together."""
        if not self.runtime.hooks.listeners("on_interaction_logged"):
            return
        for row, receipt in finished:
            if row.written == 0 and row.subject_id:
                entry_id = receipt.id or ""
                told = {"interaction_id": row.subject_id, "customer_id": row.customer_id, "entry_id": entry_id}
                tell(self.runtime, tx, "on_interaction_logged", row.subject_id, told)


def _note(runtime: Runtime, entry: LogEntry) -> LogEntry:
    """What became known of an entry that the CRM cannot change, as a note beside it."""
    recording = runtime.policy.say("entry.recording", url=entry.recording_url) if entry.recording_url else ""
    text = "\n".join(line for line in (entry.comment, recording) if line) or entry.text
    changes = {
        "key": f"{entry.key}-r{entry.revision}",
        "entry_id": None,
        "kind": Kind.NOTE,
        "text": text,
        "comment": "",
    }
    return entry.model_copy(update=changes)
