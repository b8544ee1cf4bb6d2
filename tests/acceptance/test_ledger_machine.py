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
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from cxsdk import AuthenticationError, OutcomeUnknown, Transient
from cxsdk.domain.identity import Person
from cxsdk.domain.interaction import InteractionFact, Kind, fold
from cxsdk.domain.outward import LogEntry
from cxsdk.errors import RateLimited
from cxsdk.journeys import dead_letters, outward, replaying
from cxsdk.store.aside import Wanted
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
#: The entry is there, and nobody said so.
LOST = ["answer lost", "time ran out", "bug after"]
ILLS = {"down": Transient("refused"), "failing": OutcomeUnknown("500"), "away": ConnectionRefusedError()}
STATES = ["ringing", "answered", "missed", "ended"]
SENDERS = [f"{name}@example.com" for name in ("ann", "bob", "eve")]
CALLS = st.integers(1, 2)
#: How much time passes after something was told, in seconds; None: not even enough to understand it.
WAITS = st.sampled_from([None, 0, 0, 5, 35, 100])
#: Where a worker may be stopped, and wake up after somebody else has taken its rows over.
STOPS = ["_send", "write_down"]


class History(RuleBasedStateMachine):
    """One company, from its first contact to the day on which everything has calmed down."""

    records = Bundle("records")

    @initialize(
        duplicates=st.sampled_from(["lookup", "upsert", "lookup"]),
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
        object.__setattr__(self.office.runtime, "stopwatch", self._seconds)
        self.number = 0
        self.told: dict[str, list[dict[str, Any]]] = {}

    def _seconds(self) -> float:
        return self.office.now.timestamp()

    # What customers do

    @rule(target=records, who=st.sampled_from(SENDERS), wait_s=WAITS)
    def message(self, who: str, wait_s: int | None) -> Any:
        """A message comes."""
        return self._tell(wait_s, text=f"message {self.number}", sender={"kind": "email", "value": who})

    @rule(target=records, call=CALLS, state=st.sampled_from(STATES), wait_s=WAITS)
    def call(self, call: int, state: str, wait_s: int | None) -> Any:
        """A phone system tells of a call, in any order."""
        return self._tell(wait_s, **_about(call), state=state)

    @rule(call=CALLS, wait_s=WAITS)
    def recording(self, call: int, wait_s: int | None) -> None:
        """A recording comes, perhaps before the call."""
        self._tell(wait_s, **_about(call), recording_url=f"https://pbx.example.com/{self.number}")

    @rule(record=records, anew=st.booleans())
    def repeat(self, record: tuple[dict[str, Any], str], anew: bool) -> None:
        """A record comes again: under its own id, or as a new one that says the same."""
        payload, id = record
        self.office.receive(payload, f"{id}-again-{self.number}" if anew else id)
        self.office.settle()

    @rule()
    def replay(self) -> None:
        """Everything that was understood is read again."""
        for _ in replaying.replay(self.office.runtime, ["wire"]):
            pass

    @rule()
    def retry(self) -> None:
        """Everything that was set aside is tried again."""
        for _ in dead_letters.retry_all(self.office.runtime, Wanted()):
            pass

    def _tell(self, wait_s: int | None, **fact: Any) -> tuple[dict[str, Any], str]:
        self.number += 1
        told = {"key": f"k{self.number}", "at": self.office.now.isoformat(), "direction": "inbound"} | fact
        self.told.setdefault(fact["text"], []).append(told)
        payload = {"fact": "InteractionFact"} | told
        self.office.receive(payload, f"e{self.number}")
        if wait_s is not None:
            self.office.later(seconds=wait_s)
        return payload, f"e{self.number}"

    # What happens to us

    @rule(acts=st.lists(st.sampled_from([*ACTS]), min_size=1, max_size=3))
    def crm_will_log(self, acts: list[str]) -> None:
        """The CRM's next answers to entries are bad ones."""
        self.office.crm.script("log", *(ACTS[act] for act in acts))

    @rule(act=st.sampled_from([*ACTS]))
    def crm_will_create(self, act: str) -> None:
        """The CRM's next answer to people is a bad one."""
        self.office.crm.script("create_people", ACTS[act])

    @rule(how=st.sampled_from(LOST), looked_up=st.sampled_from(["well", *ACTS]), call=CALLS, wait_s=WAITS)
    def answer_is_lost(self, how: str, looked_up: str, call: int, wait_s: int | None) -> None:
        """The CRM logs, and its answer does not arrive; more becomes known, and the look-up may fail."""
        self.office.crm.script("log", ACTS[how])
        self.office.crm.script("find_written", *([ACTS[looked_up]] if looked_up in ACTS else []))
        self._tell(0, **_about(call), state="missed")
        self.recording(call, wait_s)

    @rule(how=st.sampled_from([*ILLS]), wait_s=WAITS)
    def crm_is_ill(self, how: str, wait_s: int | None) -> None:
        """For a while, the CRM does not work."""
        self.office.crm.fall_ill(ILLS[how])
        self.message(SENDERS[0], wait_s)
        self.office.crm.fall_ill(None)

    @rule(seconds=st.sampled_from([1, 10, 31, 65, 600]))
    def time_passes(self, seconds: int) -> None:
        """Whatever becomes due is done."""
        self.office.later(seconds=seconds)

    @rule(where=st.sampled_from([*CRASHES]), call=CALLS, wait_s=WAITS)
    def worker_is_killed(self, where: str, call: int, wait_s: int | None) -> None:
        """Whoever works next is killed at this point; more becomes known."""
        self._tell(None, **_about(call), state="missed")
        with self.office.killed(where):
            self.office.settle()
        self.recording(call, wait_s)

    @rule(where=st.sampled_from(STOPS), seconds=st.sampled_from([15, 31, 300]), call=CALLS)
    def worker_is_stopped(self, where: str, seconds: int, call: int) -> None:
        """Whoever works next is stopped at this point for a while; the others go on, and more becomes known."""
        go_on = getattr(outward, where)

        def sleep(*args: Any, **options: Any) -> Any:
            self.patch.setattr(outward, where, go_on)
            self.recording(call, seconds)
            return go_on(*args, **options)

        self._tell(None, **_about(call), state="missed")
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


def _about(call: int) -> dict[str, Any]:
    phone = {"kind": "phone", "value": f"+1212555012{call}"}
    return {"text": f"call {call}", "interaction": f"c{call}", "kind": "call", "sender": phone}


test_every_history_ends_well = History.TestCase
test_every_history_ends_well.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    deadline=None,
    derandomize="CXSDK_TEST_HISTORIES" not in os.environ,  # the same histories each time, unless more are asked for
    suppress_health_check=list(HealthCheck),
)
