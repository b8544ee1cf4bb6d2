"""The person lane: whom the CRM does not know yet is looked up there, and created as a lead where nobody is found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, or_, select, update

from cxsdk.domain.identity import Identity, Person
from cxsdk.domain.outward import Receipt
from cxsdk.errors import PluginBug, Rejected, Transient
from cxsdk.journeys.desk import Desk, Finished
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Store, Transaction, customers, decisions, outbox
from cxsdk.store.among import among
from cxsdk.store.engine import owes
from cxsdk.store.outbox import OutKind, Owed
from cxsdk.store.prepared import Prepared
from cxsdk.store.tables import CANCELLED, DEAD, DONE, OWED, WAITING
from cxsdk.store.tables import outbox as outbox_table
from cxsdk.store.work import reason_of


def owe_people(store: Store, tx: Transaction, crm: str, ids: Iterable[str]) -> set[str]:
    """Owes a person for each of these customers whom the CRM does not know; tells those who must be waited for.

    The customers are locked by now, so that nobody is linked between this look and the rows that wait.
    """
    waiting = {id for id, person_id in customers.person_ids(tx, ids).items() if person_id is None}
    if waiting:
        outbox.owe(store, tx, [Owed(crm, OutKind.PERSON, id, {}, customer_id=id) for id in sorted(waiting)])
        # Who was set aside or dropped, or whose person was lost, is asked for again: nothing waits for a row that
        # nobody works on
        asked = {"crm": crm, "ids": waiting, "at": store.clock.now()}
        owes(tx, set(tx.scalars(_OWE_PEOPLE_AGAIN, asked)))
    return waiting


def look_up_again(runtime: Runtime, tx: Transaction, customer_id: str, reason: str) -> None:
    """The CRM has a customer's person no more: what goes to them waits until they are found, or made, again."""
    customer = customers.current(tx, customer_id)
    if customer is None:
        return
    [customer] = customers.locked(runtime.store, tx, [customer.id]).values()
    if customer.person_id is not None:
        text = f"{runtime.crm.name} has {customer.person_id} no more: {reason}"
        gone = decisions.Verdict(customer.id, "person", customer.id, "identity", "look_up_again", "person_gone", text)
        decisions.note_all(runtime.store, tx, [gone])
        customers.unlink(tx, [customer.id])
    owe_people(runtime.store, tx, runtime.crm.name, [customer.id])


def _owing_again(*rows: ColumnElement[bool]) -> Prepared:
    values = {"state": OWED, "attempts": 0, "next_at": bindparam("at"), "reason": None}
    return Prepared(update(outbox_table).where(*rows).values(values).returning(outbox_table.c.lane))


_OWE_PEOPLE_AGAIN = _owing_again(
    outbox_table.c.account == bindparam("crm"),
    outbox_table.c.kind == OutKind.PERSON.value,
    among(outbox_table.c.key, "ids"),
    or_(*(outbox_table.c.state == state for state in (DEAD, DONE, CANCELLED))),
)


def _who(person: Person) -> object:
    """What two values for the same person have in common; a stranger without an address is only like themselves."""
    return person.identities or person.key


#: How the reason begins for which what waited for a person was set aside.
_REFUSED = "Their person was refused: "
_OWE_REFUSED_AGAIN = _owing_again(
    among(outbox_table.c.customer_id, "ids"),
    outbox_table.c.reason.startswith(_REFUSED),
    outbox_table.c.state == DEAD,
)


class PersonDesk(Desk):
    """Finds or creates people, many at once."""

    linger_s = 1.0  # two calls a batch

    def __init__(self, runtime: Runtime, account: str) -> None:
        super().__init__(runtime, account)
        crm = runtime.crm
        self.duplicates, self.lookup_lag = crm.duplicates, crm.lookup_lag
        self.batch_size, self.deadline_s = crm.batch_size, crm.deadline_s

    def prepare(self) -> None:
        """Agents are suggested by the CRM's ids."""
        self.runtime.agents.refresh()

    def build(self, tx: Transaction, rows: Sequence[Row[Any]]) -> Mapping[int, Person | Rejected]:
        """Each customer as the CRM needs to know them."""
        ids = [row.customer_id for row in rows]
        known = customers.identities_of(tx, ids)
        about = customers.by_ids(tx, ids)
        agents = _suggested_agents(self.runtime, tx, ids)
        return {
            row.id: self._person(row, about[row.customer_id], known.get(row.customer_id, []), agents) for row in rows
        }

    def _person(
        self, row: Row[Any], about: Row[Any], identities: Sequence[Identity], agents: Mapping[str, str]
    ) -> Person:
        reachable = tuple(i for i in identities if i.kind != "anonymous")
        nameless = "" if reachable else self.runtime.policy.say("person.unknown", account=about.first_account)
        return Person(
            key=row.key, name=about.name or nameless, identities=reachable, agent_id=agents.get(row.customer_id),
            language=about.language, source=about.first_account,
        )  # fmt: skip

    def call(self, values: Sequence[Person]) -> Iterator[Receipt]:
        """Looks for each by known identities; creates those whom nobody knows. Receipts keep the order.

        Two who have become one since they were owed are one person.
        """
        began = self.runtime.stopwatch()
        found = self._find(values)
        if self.runtime.stopwatch() - began > self.deadline_s:  # stopped meanwhile: another worker may have them by now
            raise Transient(f"{self.account}.find_people took all the time that there was.")
        missing = {_who(person): person for person, id in zip(values, found, strict=True) if id is None}
        created = iter(self.runtime.crm.create_people(list(missing.values())) if missing else ())
        made: dict[object, Receipt] = {}
        for person, id in zip(values, found, strict=True):
            if id is not None:
                yield Receipt.duplicate(id)
            elif (twin := made.get(_who(person))) is not None:
                yield twin
            elif (receipt := next(created, None)) is None:
                return
            elif isinstance(receipt, Receipt) and receipt.is_done and receipt.id is None:
                raise PluginBug(f"{self.account} accepted a person without an id.")
            else:
                made[_who(person)] = receipt
                yield receipt
        yield from created  # to its end: it may have something to finish, or more receipts than it should

    def _find(self, people: Sequence[Person]) -> list[str | None]:
        # An identity that is only perhaps theirs must not put a contact on somebody else's card.
        sure = [p.model_copy(update={"identities": tuple(i for i in p.identities if i.is_known)}) for p in people]
        askable = [person for person in sure if person.identities]
        found = self.runtime.crm.find_people(askable) if askable else ()
        answers = list(islice(found, len(askable) + 1))
        if len(answers) != len(askable):
            raise PluginBug(f"{self.account}.find_people answered {len(answers)} of {len(askable)}.")
        if strange := next((answer for answer in answers if not isinstance(answer, str | None)), None):
            raise PluginBug(f"{self.account}.find_people answered {type(strange).__name__} where an id was due.")
        ids = dict(zip((person.key for person in askable), answers, strict=True))
        return [ids.get(person.key) for person in people]

    def find_written(self, keys: Sequence[str]) -> Iterable[str | None]:
        """The CRM's ids of people created under these keys."""
        return self.runtime.crm.find_written(keys)

    def done(self, tx: Transaction, finished: Finished) -> None:
        """Links the customers; where the CRM knows another one of ours under the same id, the two are one."""
        store = self.runtime.store
        receipts = {row.id: receipt for row, receipt in finished}
        made = {owner: receipts[id] for id, owner in _owners(tx, receipts).items()}
        rows = customers.locked(store, tx, made)
        new = {id: made[id] for id, row in rows.items() if row.person_id is None}
        same = customers.by_persons(tx, [str(receipt.id) for receipt in new.values()])
        customers.link(tx, {id: str(receipt.id) for id, receipt in new.items()})
        owes(tx, set(tx.scalars(_OWE_REFUSED_AGAIN, {"ids": new, "at": store.clock.now()})))
        decisions.note_all(store, tx, [self._linked(id, receipt) for id, receipt in new.items()])
        for id, receipt in new.items():
            if (other := same.setdefault(str(receipt.id), id)) != id:
                same[str(receipt.id)] = customers.merge(store, tx, other, id)[0]

    def _linked(self, customer_id: str, receipt: Receipt) -> decisions.Verdict:
        how = "found" if receipt.outcome == "duplicate" else "created"
        text = f"{self.account} knows them as {receipt.id}."
        return decisions.Verdict(customer_id, "person", customer_id, "identity", how, f"person_{how}", text)

    def given_up(self, tx: Transaction, row: Row[Any], reason: str) -> None:
        """Without their person, the entries that waited cannot be logged: they are set aside with it."""
        waiting = and_(outbox_table.c.customer_id == _owners(tx, [row.id])[row.id], outbox_table.c.state == WAITING)
        now = self.runtime.store.moment(tx)
        values = {"state": DEAD, "reason": reason_of(f"{_REFUSED}{reason}"), "next_at": now}
        tx.execute(update(outbox_table).where(waiting).values(values))


def _owners(tx: Transaction, ids: Iterable[int]) -> dict[int, str]:
    """Whose these rows are by now: two customers may have become one while a call was under way."""
    return {row.id: row.customer_id for row in tx.execute(_OWNERS, {"ids": ids})}


_OWNERS = Prepared(select(outbox_table.c.id, outbox_table.c.customer_id).where(among(outbox_table.c.id, "ids")))


def _suggested_agents(runtime: Runtime, tx: Transaction, ids: Sequence[str]) -> dict[str, str]:
    """Who should be responsible for each of these customers: the agent who talked to them last, if anybody did.

    The contacts are those whose entries wait for the person: all that there were so far.
    """
    told = sorted(tx.execute(_AWAITING, {"ids": sorted(set(ids))}), key=lambda row: str(row.body["at"]))
    agents = [(row.customer_id, runtime.agents.active_id_of(row.body.get("agent"))) for row in told]
    return {customer_id: agent for customer_id, agent in agents if agent is not None}


_AWAITING = Prepared(
    select(outbox_table.c.customer_id, outbox_table.c.body).where(
        among(outbox_table.c.customer_id, "ids"),
        outbox_table.c.kind == OutKind.ENTRY.value,
        outbox_table.c.state == WAITING,
    )
)
