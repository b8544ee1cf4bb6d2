"""What must be true when all is over: what happened outside, against the vendors' books and what cxsdk tells of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cxsdk.domain.case import Task
from cxsdk.domain.identity import Person
from cxsdk.domain.interaction import Kind
from cxsdk.domain.outward import LogEntry
from cxsdk.testing.simulation.company import Company
from cxsdk.testing.simulation.crm import Record, mark_of, marks_of, name_of
from cxsdk.testing.simulation.truth import Contact

#: Answers whose case was solved.
_SOLVED = (
    "SELECT i.token FROM responses r JOIN invitations i ON i.id = r.invitation_id "
    "JOIN cases c ON c.id = r.case_id WHERE c.solved_at IS NOT NULL"
)


class Verdict:
    """Goes through everything that happened."""

    def __init__(self, company: Company) -> None:
        self._company, self._look = company, company.store.look
        self._truth, self._books = company.truth, company.books
        self._addresses: dict[str, list[str]] = {}
        for address, person in self._books.known.items():
            self._addresses.setdefault(self._books.current(person), []).append(address)
        for record in self._books.of(Person):
            self._addresses.setdefault(record.id, []).extend(map(str, record.value.identities))

    def give(self) -> None:
        """Tells of each thing that is wrong."""
        for check in (
            self._nothing_is_left, self._contacts, self._people, self._revisions, self._requests, self._set_aside,
            self._purchases, self._invitations, self._answers, self._tasks, self._cases, self._promises, self._hooks,
        ):  # fmt: skip
            for wrong in check():
                self._company.scene.violated(wrong)

    def _nothing_is_left(self) -> Iterator[str]:
        if owed := self._company.owed():
            yield f"still owed: {owed}"

    # Contacts

    def _contacts(self) -> Iterator[str]:
        aside = self._marks_aside()
        for contact in self._truth.contacts.values():
            if contact.taken_at is None or self._is_forgotten(contact) or contact.mark in aside:
                continue
            entries = self._books.entries[contact.mark]
            if not entries:
                yield f"#{contact.mark} is not in the CRM"
            for entry in entries:
                yield from self._whose(contact, entry)
            # Of a double that no key prevents, the one that was made last is changed from then on
            if entries and self._company.scenario.updates_entries:
                yield from self._state(contact, entries[-1])

    def _whose(self, contact: Contact, entry: Record) -> Iterator[str]:
        theirs = self._addresses.get(self._books.current(entry.person), [])
        roots = {self._truth.ever.root(address) for address in contact.addresses}
        others = {self._truth.ever.root(address) for address in theirs}
        if not roots & others and roots | others:
            yield f"#{contact.mark} of {contact.addresses} is with {theirs}"

    def _state(self, contact: Contact, entry: Record) -> Iterator[str]:
        if contact.state is not None and entry.value.state is not contact.state:
            yield f"#{contact.mark} is {entry.value.state} in the CRM, and was {contact.state}"
        if entry.value.recording_url != contact.recording:
            yield f"the recording of #{contact.mark} is {entry.value.recording_url} in the CRM"

    def _is_forgotten(self, contact: Contact) -> bool:
        return self._truth.is_forgotten(contact.addresses, contact.at)

    def _people(self) -> Iterator[str]:
        """Nobody is there twice: of two people with a known address in common, one need not be."""
        count, more = Counter[str](), Counter[str]()
        for record in self._books.of(Person):
            again = self._books.excused[name_of(record.value)]
            for identity in record.value.identities:
                count[str(identity)] += identity.is_known
                more[str(identity)] += again
        for address, people in count.items():
            if people > 1 + more[address] and not self._truth.is_forgotten([address], self._company.scene.now):
                yield f"{address} is {people} people in the CRM"

    def _revisions(self) -> Iterator[str]:
        for record in self._books.of(LogEntry):
            revisions = [value.revision for value in record.values]
            if revisions != sorted(revisions):
                yield f"{record.id} went back: {revisions}"
            if record.value.kind is Kind.NOTE and self._company.scenario.updates_entries:
                yield f"{record.id} is a note, where the entry could have been changed"

    def _marks_aside(self) -> set[int]:
        """The contacts that a person has to decide about: what was refused, and messages that nobody knows of."""
        rows = self._look("SELECT body FROM outbox WHERE state IN ('dead', 'unknown')")
        return {mark for (body,) in rows if (mark := mark_of(body)) is not None}

    def _requests(self) -> Iterator[str]:
        """What agents wrote went out, or is set aside."""
        aside = self._marks_aside()
        for contact in self._truth.contacts.values():
            is_out = contact.reached_at is not None or contact.mark in aside or contact.taken_at is None
            if contact.sent_by and not is_out and not self._is_forgotten(contact):
                yield f"#{contact.mark} was not sent over {contact.sent_by}"

    def _set_aside(self) -> Iterator[str]:
        """Only what nobody could do anything with, each with its reason."""
        for key, reason in self._look("SELECT event_key, reason FROM inbox WHERE state = 'dead'"):
            if key not in self._truth.poison and not str(reason).startswith("invitation_unknown"):
                yield f"{key} was set aside: {reason}"
        query = "SELECT lane, state, reason, body FROM outbox WHERE state IN ('dead', 'unknown')"
        for lane, state, reason, body in self._look(query):
            if not self._may_be_aside(lane, state, str(reason), body):
                yield f"something of {lane} was set aside as {state}: {reason}: {body[:200]}"
        for lane, reason in self._look("SELECT lane, reason FROM due WHERE state = 'dead'"):
            yield f"something of {lane} was set aside: {reason}"

    def _may_be_aside(self, lane: str, state: str, reason: str, body: str) -> bool:
        if not reason:
            return False
        if state == "unknown":  # sent perhaps, and nobody can tell; or it must not be sent any more
            return lane == "outbox:office:message" or (lane == "outbox:mailbox:message" and "invitation" in body)
        return "such a text is not taken" in reason or "there is no such person any more" in reason

    # Questions

    def _purchases(self) -> Iterator[str]:
        """Each is to be asked about, whatever is decided then."""
        known = {order for (order,) in self._look('SELECT "order" FROM invitations')}
        for order, bought in self._truth.purchases.items():
            is_lost = bought.taken_at is not None and order not in known
            if is_lost and not self._truth.is_forgotten(bought.addresses, bought.at):
                yield f"the purchase {order} is lost"

    def _invitations(self) -> Iterator[str]:
        query = "SELECT id, token, kind, state, reason FROM invitations"
        for id, token, kind, state, reason in self._look(query):
            asked, about = self._truth.asked.get(token), f"{kind} {token}"
            if state not in ("answered", "expired", "skipped", "failed"):
                yield f"{about} is {state} for ever"
            if state in ("skipped", "failed") and not reason:
                yield f"{about} is {state} without a reason"
            if state in ("answered", "expired") and asked is None:
                yield f"{about} is {state}, and nobody was asked"
            if state != "answered" and asked is not None and any(answer.taken_at for answer in asked.answers):
                yield f"{about} was answered, and is {state}"
            if state == "skipped" and asked is not None:
                yield f"{about} was skipped ({reason}), and {asked.address} was asked"
            if asked is None or not self._truth.is_forgotten([asked.address], asked.at):
                yield from self._decided(id, about, state)

    def _decided(self, id: str, about: str, state: str) -> Iterator[str]:
        verdicts = [row[0] for row in self._look("SELECT verdict FROM decisions WHERE subject_id = ? ORDER BY id", id)]
        wanted = {"skipped": "skip", "failed": "fail"}.get(state, "send")
        if wanted not in verdicts or (state == "skipped" and verdicts[-1] != "skip"):
            yield f"{about} is {state}, and what was decided is {verdicts}"

    def _answers(self) -> Iterator[str]:
        query = (
            "SELECT i.token, r.score, r.case_id, c.id FROM responses r JOIN invitations i ON i.id = r.invitation_id "
            "LEFT JOIN cases c ON c.id = r.case_id"
        )
        known = {token: row for token, *row in self._look(query)}
        for asked in self._truth.asked.values():
            taken = [answer for answer in asked.answers if answer.taken_at is not None]
            if not taken or self._truth.is_forgotten([asked.address], asked.at):
                continue
            if any(self._truth.is_forgotten([asked.address], answer.at) for answer in taken):
                continue
            if asked.token not in known:
                yield f"the answer to {asked.token} is lost"
            elif (last := asked.last_word) and last.is_unhappy and None in known[asked.token][1:]:
                yield f"nobody takes care of the answer to {asked.token}"

    # Cases

    def _tasks(self) -> Iterator[str]:
        """The words of an unhappy answer stand in one task, which is made again where somebody threw it away."""
        deleted = {change["task_id"] for change in self._books.changes if change.get("deleted")}
        told, more = Counter[int](), Counter[int]()
        for task in self._books.of(Task):
            marks = {mark for value in task.values for mark in marks_of(value.text)}
            again = (task.id in deleted) + self._books.excused[name_of(task.value)]
            told.update(marks)
            more.update(dict.fromkeys(marks, again))
            if task.value.due < task.at and task.value.due < task.values[0].due:
                yield f"{task.id} was due before it was there"
        for token, mark, least in self._unhappy_words():
            if not least <= told[mark] <= 1 + more[mark]:
                yield f"{told[mark]} tasks tell of the answer #{mark} to {token}, {1 + more[mark]} could"

    def _unhappy_words(self) -> Iterator[tuple[str, int, int]]:
        """What agents must read, and in how many tasks at least: words to a case that is solved are on the timeline."""
        solved = {token for (token,) in self._look(_SOLVED)}
        for asked in self._truth.asked.values():
            last = asked.last_word
            worded = [answer for answer in asked.answers if answer.has_words]
            if last is None or not last.is_unhappy or worded != [last]:
                continue  # words that came later stand instead of those that came with the score
            before = any(answer.is_unhappy for answer in asked.answers if answer is not last)
            if not self._truth.is_forgotten([asked.address], last.at):
                yield asked.token, last.mark, 0 if before and asked.token in solved else 1

    def _cases(self) -> Iterator[str]:
        query = "SELECT customer_id, count(*) FROM cases WHERE state != 'closed' GROUP BY 1 HAVING count(*) > 1"
        for customer, cases in self._look(query):
            yield f"{customer} has {cases} open cases"

    def _promises(self) -> Iterator[str]:
        query = "SELECT id, kind, made_at, due_at, kept_at, broken_at FROM promises"
        for id, kind, made_at, due_at, kept_at, broken_at in self._look(query):
            about = f"the promise {kind} {id}"
            if kept_at is None and broken_at is None:
                yield f"{about} was neither kept nor broken"
            if broken_at is not None and broken_at <= due_at:
                yield f"{about} was broken before it was due"
            if kind != "call_back" and kept_at is not None and kept_at < made_at:
                yield f"{about} was kept before it was made"
            if broken_at is not None and not self._look("SELECT 1 FROM decisions WHERE subject_id = ?", id):
                yield f"nothing explains that {about} was broken"

    def _hooks(self) -> Iterator[str]:
        if not self._company.scenario.listens:
            return
        told = self._company.listener.told
        for (id,) in self._look("SELECT id FROM promises WHERE broken_at IS NOT NULL"):
            if not told["promise broken", id]:
                yield f"nobody was told that the promise {id} was broken"
        for (id,) in self._look("SELECT id FROM cases"):
            if not told["case opened", id]:
                yield f"nobody was told that the case {id} was opened"
