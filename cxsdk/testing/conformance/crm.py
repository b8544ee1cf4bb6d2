"""What a CRM owes besides: people that are found, entries of every kind, tasks both ways."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from cxsdk.capabilities import Inbound
from cxsdk.domain.facts import TaskChange
from cxsdk.domain.identity import Agent, Person
from cxsdk.domain.interaction import Attachment, CallState, Direction, Kind
from cxsdk.domain.outward import LogEntry, Receipt
from cxsdk.testing.conformance.base import kind
from cxsdk.testing.conformance.faults import FaultConformance
from cxsdk.testing.conformance.rig import Attempt, Rig, words
from cxsdk.testing.conformance.settings import PluginConformance
from cxsdk.testing.conformance.values import email_of, entry, person, word
from cxsdk.testing.conformance.webhook import WebhookConformance
from cxsdk.testing.context import NOW
from cxsdk.testing.stand_in import CannotPlay

_ELSEWHERE = timezone(timedelta(hours=5, minutes=30))
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")


class CRMConformance(FaultConformance, PluginConformance, WebhookConformance):
    """All tests of a CRM plugin."""

    methods: ClassVar[Sequence[str]] = ("create_people", "log", "save_tasks")

    @kind("people are found")
    def test_people_are_found_by_any_of_their_identities(self) -> None:
        """Who was created is found by phone and by e-mail; a stranger is not; the order is that of the question."""
        with self.running() as rig:
            made = self._made(rig, "create_people", person(1))
            phone, mail = person(1).identities
            asked = [Person(key="q0", identities=(email_of(77),))]
            asked += [Person(key=f"q{n}", identities=(each,)) for n, each in enumerate((phone, mail), 1)]
            batches = _batches(asked, rig.plugin.batch_size)
            found = self.asked("find_people", lambda: [i for each in batches for i in rig.plugin.find_people(each)])
            self.demand(
                found == [None, made, made],
                f"find_people was asked for a stranger, and for {made} by phone and by e-mail, and gave {found}: "
                "give the id, "
                "or None, for each in the order asked, and search phones the way the provider stores them.",
                rig,
            )

    @kind("every kind of contact")
    def test_every_kind_of_contact_is_logged(self) -> None:
        """Calls in any state, letters, messages, reviews, visits, surveys, notes: each becomes an entry."""
        with self.running() as rig:
            target = self.target(rig, "log")
            entries = [entry(number, target, **fields) for number, fields in enumerate(_contacts(), 1)]
            for batch in _batches(entries, min(rig.plugin.batch_size, 3)):
                attempt = rig.call("log", batch)
                done = [receipt.is_done for receipt in attempt.receipts if isinstance(receipt, Receipt)]
                self.demand(
                    attempt.error is None and all(done),
                    f"log does not take these entries: {'; '.join(map(_shown, batch))}. Log as a note what the CRM has "
                    "no place of its own for.",
                    attempt,
                    rig,
                )

    @kind("entries are updated")
    def test_an_entry_is_updated(self) -> None:
        """An entry with an ``entry_id`` changes the one that is there, and makes no second."""
        if not self.supports("log").updates_entries:
            self.skip("The plugin declares updates_entries = False.")
        with self.running() as rig:
            value = self.value(rig, "log", 1)
            made = self._made(rig, "log", value)
            later = value.model_copy(update={"entry_id": made, "revision": 2, "text": f"{value.text} {word(2)}"})
            self._updated(rig, "log", later, made)

    @kind("tasks are changed and completed")
    def test_tasks_are_changed_and_completed(self) -> None:
        """A task with a ``task_id`` changes the one that is there; ``done`` closes it."""
        self.supports("save_tasks")
        with self.running() as rig:
            value = self.value(rig, "save_tasks", 1)
            made = self._made(rig, "save_tasks", value)
            later = value.model_copy(update={"task_id": made, "title": f"{value.title} {word(2)}", "urgent": True})
            self._updated(rig, "save_tasks", later, made)
        self.demand(
            self._saved(done=False) != self._saved(done=True),
            "A task with done=True is at the provider as one that is open: complete it there.",
            rig,
        )

    def _saved(self, *, done: bool) -> str:
        with self.running() as rig:
            value = self.value(rig, "save_tasks", 1)
            made = self._made(rig, "save_tasks", value)
            rig.call("save_tasks", [value.model_copy(update={"task_id": made, "done": done})])
            return words(rig.provider.records())

    @kind("tasks done there are told")
    def test_a_task_that_is_completed_there_is_told(self) -> None:
        """What an agent completes in the CRM comes back as a TaskChange that is done."""
        self.supports("save_tasks")
        if not isinstance(self.bare(), Inbound):
            self.skip("The plugin is not Inbound: it does not tell of tasks.")
        with self.running() as rig:
            made = self._made(rig, "save_tasks", self.value(rig, "save_tasks", 1))
            told = self._completed(rig, made)
            raws = [self.record(rig, told)] if told is not None else []
            raws += [
                raw for source in rig.plugin.sources() for page in self.pages(rig, source, None) for raw in page.items
            ]
            changes = [fact for raw in raws for fact in self.understood(rig, raw) if isinstance(fact, TaskChange)]
            self.demand(
                any(change.task_id == made and change.done for change in changes),
                f"The task {made} was completed at the provider, and no TaskChange(task_id={made!r}, done=True) "
                "came: give "
                "its whole state, under the id that the receipt had.",
                changes, rig,
            )  # fmt: skip

    @kind("agents are told")
    def test_agents_are_told(self) -> None:
        """``agents`` gives each agent once, with the id by which the CRM knows them."""
        self.supports("agents")
        with self.running() as rig:
            agents = self.asked("agents", rig.plugin.agents)
            self.demand(agents, "agents gives nobody: let the stand-in have at least one, as a CRM does.", rig)
            self.demand(
                all(isinstance(agent, Agent) and agent.id for agent in agents),
                "agents must give Agent(id=...).",
                agents,
            )
            ids = [agent.id for agent in agents]
            self.demand(len(set(ids)) == len(ids), "agents gives the same id twice: end the pages where they end.", ids)

    @kind("moments go out as they are")
    def test_a_moment_of_another_zone_is_the_same_moment(self) -> None:
        """An entry or task whose time is written at +05:30 is written at the same instant as in UTC."""
        for method, field in (("log", "at"), ("save_tasks", "due")):
            if type(self.bare()).supports(method):
                here, there = (self._written(method, field, zone) for zone in (None, _ELSEWHERE))
                self.demand(
                    here == there,
                    f"{method} writes another moment where {field} is given at +05:30: convert with "
                    "astimezone(UTC), or send "
                    "the offset.",
                    here, there,
                )  # fmt: skip

    # -- what tests use

    def fill(self, rig: Rig) -> None:
        """What the stand-in lets happen, and two tasks that agents complete."""
        super().fill(rig)
        if type(rig.plugin).supports("save_tasks"):
            for number in (1, 2):
                attempt = rig.call("save_tasks", [self.value(rig, "save_tasks", number)])
                with suppress(CannotPlay):
                    rig.provider.complete(str(attempt.receipts[0].id) if attempt.is_done else "")

    def _completed(self, rig: Rig, task_id: str) -> Any:
        try:
            return rig.provider.complete(task_id)
        except CannotPlay:
            facts = [fact for raw in self.records(rig) for fact in self.understood(rig, raw)]
        if any(isinstance(fact, TaskChange) for fact in facts):
            return self.promised(rig.provider.complete, task_id)
        self.skip("Nothing that comes in tells of a task.")

    def _written(self, method: str, field: str, zone: timezone | None) -> str:
        at = NOW + timedelta(hours=1)
        with self.running() as rig:
            moment = at.astimezone(zone) if zone else at
            rig.call(method, [self.value(rig, method, 1, **{field: moment})])
            return _ISO.sub(_in_utc, "\n".join(words(record) for _, record in rig.holding(word(1))))

    def _made(self, rig: Rig, method: str, value: Any) -> str:
        attempt = rig.call(method, [value])
        self.demand(attempt.is_done and attempt.receipts[0].id, f"{method} did not write a plain value.", attempt, rig)
        return str(attempt.receipts[0].id)

    def _updated(self, rig: Rig, method: str, value: Any, made: str) -> None:
        attempt: Attempt = rig.call(method, [value])
        there = [id for id, _ in rig.holding(word(1))]
        self.demand(
            attempt.is_done and there == [made] and [id for id, _ in rig.holding(word(2))] == [made],
            f"{method} was to change {made}; now there are {', '.join(there)}: update the record that the id "
            "names, and give "
            "its id in the receipt.",
            attempt, rig,
        )  # fmt: skip


def _contacts() -> list[dict[str, Any]]:
    talk = {"kind": Kind.CALL, "recording_url": "https://calls.example.com/1.mp3", "seconds": 61, "comment": "Friendly"}
    file = Attachment(name="photo.jpg", content_type="image/jpeg", size=2048, reference="https://files.example.com/1")
    found: list[dict[str, Any]] = [{"kind": each, "direction": way} for each in Kind for way in Direction]
    found += [{**talk, "state": state} for state in CallState]
    return [*found, {"attachments": (file,), "automatic": True, "account": "support", "counterpart": "+12125550123"}]


def _shown(value: LogEntry) -> str:
    return " ".join(filter(None, (value.direction.value, value.kind.value, value.state and value.state.value)))


def _in_utc(found: re.Match[str]) -> str:
    text = found[0]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return str(moment.astimezone(NOW.tzinfo)) if moment.tzinfo else text


def _batches(values: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [values[start : start + size] for start in range(0, len(values), size)]
