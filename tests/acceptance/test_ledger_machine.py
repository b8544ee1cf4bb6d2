"""Anything may happen at any moment; in the end each contact is in the CRM exactly once, as it last was.

Hypothesis makes up histories: contacts come in any order and more than once, the CRM answers well, badly or not at all,
time passes, workers are killed or stopped for longer than their lease. A history that ends badly is printed as a
program, step by step.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule

from cxsdk import AuthenticationError, OutcomeUnknown, Transient
from cxsdk.domain.identity import Person
from cxsdk.domain.interaction import InteractionFact, Kind, fold
from cxsdk.domain.outward import LogEntry
from cxsdk.errors import RateLimited
from cxsdk.journeys import outward
from cxsdk.store.tables import DEAD, UNKNOWN
from cxsdk.testing.crm import Act, cut, failing, fake_crm, limited, lost
from tests.acceptance.office import CRASHES, Office, office_of

#: How many histories are tried; more of them find more, at a second each.
EXAMPLES = int(os.environ.get("CXSDK_TEST_HISTORIES", "20"))

ACTS: dict[str, Act] = {
    "over a limit": limited(30),
    "busy": failing(Transient("busy")),
    "credentials refused": failing(AuthenticationError("expired")),
    "reset before": failing(OutcomeUnknown("reset")),
    "answer lost": lost(),
    "time ran out": lost(TimeoutError()),
    "bug after": lost(KeyError("id")),
    "cut after one": cut(1, OutcomeUnknown("reset"), stores=2),
    "limited after one": cut(1, RateLimited(retry_after=5)),
    "no receipts": Act(receipts=0),
    "garbage": Act(receipts=0, surplus=("ok",)),
}
ILLS = {"down": Transient("refused"), "failing": OutcomeUnknown("500"), "away": ConnectionRefusedError()}
STATES = ["ringing", "answered", "missed", "ended"]
SENDERS = [f"{name}@example.com" for name in ("ann", "bob", "eve")]
#: Where a worker may be stopped, and wake up after somebody else has taken its rows over.
STOPS = ["_send", "write_down"]


class History(RuleBasedStateMachine):
    """One company, from its first contact to the day on which everything has calmed down."""

    records = Bundle("records")

    @initialize(
        duplicates=st.sampled_from(["upsert", "lookup"]),
        batch_size=st.sampled_from([1, 3, 10]),
        lag_s=st.sampled_from([0, 40]),
        updates_entries=st.booleans(),
    )
    def open(self, duplicates: Any, batch_size: int, lag_s: int, updates_entries: bool) -> None:
        crm = fake_crm(
            duplicates, batch_size=batch_size, lookup_lag=timedelta(seconds=lag_s), updates_entries=updates_entries
        )
        self.stack = ExitStack()
        self.office: Office = self.stack.enter_context(office_of(crm))
        self.patch = self.stack.enter_context(pytest.MonkeyPatch.context())
        self.patch.setattr(outward, "stopwatch", lambda: self.office.now.timestamp())  # noqa: PLW0108 - the time then
        self.number = 0
        self.told: dict[str, list[dict[str, Any]]] = {}

    # What customers do

    @rule(target=records, who=st.sampled_from(SENDERS), settle=st.booleans())
    def message(self, who: str, settle: bool) -> Any:
        """A message comes."""
        self.number += 1
        fact = {"text": f"message {self.number}", "direction": "inbound", "sender": {"kind": "email", "value": who}}
        return self._tell(fact, settle=settle)

    @rule(target=records, call=st.integers(1, 3), state=st.sampled_from(STATES), settle=st.booleans())
    def call(self, call: int, state: str, settle: bool) -> Any:
        """A phone system tells of one of three calls, in any order."""
        phone = {"kind": "phone", "value": f"+1212555012{call}"}
        fact = {"text": f"call {call}", "interaction": f"c{call}", "kind": "call", "state": state, "sender": phone}
        return self._tell(fact, settle=settle)

    @rule(call=st.integers(1, 3))
    def recording(self, call: int) -> None:
        """A recording comes, perhaps before the call."""
        phone = {"kind": "phone", "value": f"+1212555012{call}"}
        url = f"https://pbx.example.com/{self.number}"
        fact = {"text": f"call {call}", "interaction": f"c{call}", "kind": "call", "recording_url": url}
        self._tell(fact | {"sender": phone}, settle=True)

    @rule(record=records, anew=st.booleans())
    def repeat(self, record: tuple[dict[str, Any], str], anew: bool) -> None:
        """A record comes again: under its own id, or as a new one that says the same."""
        payload, id = record
        self.office.receive(payload, f"{id}-again-{self.number}" if anew else id)
        self.office.settle()

    def _tell(self, fact: dict[str, Any], *, settle: bool) -> Any:
        self.number += 1
        payload = {"fact": "InteractionFact", "key": f"k{self.number}", "at": self.office.now.isoformat()} | fact
        self.told.setdefault(fact["text"], []).append({k: v for k, v in payload.items() if k != "fact"})
        self.office.receive(payload, f"e{self.number}")
        if settle:
            self.office.settle()
        return multiple((payload, f"e{self.number}"))

    # What happens to us

    @rule(method=st.sampled_from(["create_people", "log", "find_people", "find_written"]), act=st.sampled_from([*ACTS]))
    def crm_will(self, method: str, act: str) -> None:
        """The CRM's next answer is a bad one."""
        self.office.crm.script(method, ACTS[act])

    @rule(how=st.sampled_from([*ILLS]))
    def crm_falls_ill(self, how: str) -> None:
        """From now on, the CRM does not work."""
        self.office.crm.fall_ill(ILLS[how])

    @rule()
    def crm_recovers(self) -> None:
        """From now on, the CRM works."""
        self.office.crm.recover()

    @rule(seconds=st.sampled_from([1, 10, 31, 65, 600]))
    def time_passes(self, seconds: int) -> None:
        """Whatever becomes due is done."""
        self.office.later(seconds=seconds)

    @rule(where=st.sampled_from([*CRASHES]))
    def worker_is_killed(self, where: str) -> None:
        """Whoever works next is killed at this point."""
        with self.office.killed(where):
            self.office.settle()

    @rule(where=st.sampled_from(STOPS), seconds=st.sampled_from([15, 31, 300]))
    def worker_is_stopped(self, where: str, seconds: int) -> None:
        """Whoever works next is stopped at this point for a while; the others go on."""
        go_on = getattr(outward, where)

        def sleep(*args: Any, **options: Any) -> Any:
            self.patch.setattr(outward, where, go_on)
            self.office.runtime.clock.advance(timedelta(seconds=seconds))  # type: ignore[attr-defined]
            self.office.settle()
            return go_on(*args, **options)

        self.patch.setattr(outward, where, sleep)
        self.office.settle()
        self.patch.setattr(outward, where, go_on)

    # How it ends

    def teardown(self) -> None:
        """Everything calms down, and the ledger is compared with what was told."""
        if not hasattr(self, "office"):
            return
        with self.stack:
            self.office.crm.recover()
            self.office.later(hours=60)
            note(f"left: {dict(self.office.open_rows())}")
            self._nothing_is_owed()
            self._each_contact_is_there_once()
            self._each_contact_is_as_it_last_was()
            self._each_person_is_there_once()

    def _nothing_is_owed(self) -> None:
        assert not self.office.open_rows()
        aside = [f"{row.lane}: {row.reason}" for row in self.office.rows() if row.state in (DEAD, UNKNOWN)]
        assert not aside

    def _each_contact_is_there_once(self) -> None:
        entries = [entry for entry in self.office.crm.entries() if entry.kind is not Kind.NOTE]
        assert Counter(entry.text for entry in entries) == Counter(list(self.told))

    def _each_contact_is_as_it_last_was(self) -> None:
        for record in self.office.crm.records(LogEntry):
            revisions = [value.revision for value in record.values]
            assert revisions == sorted(revisions)
            if self.office.crm.updates_entries:
                facts = [InteractionFact.model_validate(fact) for fact in self.told[record.value.text]]
                contact = fold(facts, Kind.MESSAGE)
                assert (record.value.state, record.value.recording_url) == (contact.state, contact.recording_url)

    def _each_person_is_there_once(self) -> None:
        people = [person.identities[0].value for person in self.office.crm.people()]
        assert sorted(people) == sorted({facts[0]["sender"]["value"] for facts in self.told.values()})
        theirs = {record.id: record.value.identities[0].value for record in self.office.crm.records(Person)}
        for entry in self.office.crm.entries():
            if entry.kind is not Kind.NOTE:
                assert theirs[entry.person_id] == self.told[entry.text][0]["sender"]["value"]


test_every_history_ends_well = History.TestCase
test_every_history_ends_well.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=25,
    deadline=None,
    derandomize="CXSDK_TEST_HISTORIES" not in os.environ,  # the same histories each time, unless more are asked for
    suppress_health_check=list(HealthCheck),
)
