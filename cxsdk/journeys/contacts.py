"""Contacts: facts become interactions of customers, and interactions become entries on the CRM's timeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from cxsdk.capabilities import Channel
from cxsdk.domain.facts import IdentityClaim, PersonMerged
from cxsdk.domain.identity import Confidence, Identity
from cxsdk.domain.interaction import Direction, InteractionFact, Kind, fold
from cxsdk.journeys.consequences import draw
from cxsdk.journeys.entries import entry_for
from cxsdk.journeys.people import owe_people
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import LostRace, Transaction, customers, interactions, outbox
from cxsdk.store.customers import Contact
from cxsdk.store.interactions import Known
from cxsdk.store.outbox import OutKind
from cxsdk.store.tables import interactions as table
from cxsdk.store.work import schedule, unschedule

#: Calls that nobody has ended are looked at when they have been silent for long enough.
CALL_LANE = "due:call"


def fold_interactions(
    runtime: Runtime, tx: Transaction, account: str, facts: Sequence[InteractionFact]
) -> list[str | None]:
    """Folds facts into their contacts, new and old, and owes the entries of those that are over."""
    default = _kind(runtime, account)
    ids = [interactions.id_of(account, fact) for fact in facts]
    before = interactions.load(runtime.store, tx, sorted(set(ids)), default)
    grouped: dict[str, list[InteractionFact]] = {}
    for id, fact in zip(ids, facts, strict=True):
        grouped.setdefault(id, []).append(fact)
    changed = {id: _raised(before[id], more, default) for id, more in grouped.items() if id in before}
    new = {id: _begun(id, account, first, default) for id, first in grouped.items() if id not in before}
    touched = {id: known for id, known in (changed | new).items() if known is not before.get(id)}
    owners = customers.resolve(runtime.store, tx, [_contact(known) for known in touched.values()])
    touched = {id: replace(k, customer_id=who) for (id, k), who in zip(touched.items(), owners, strict=True)}
    _learn(tx, touched.values())
    _save(runtime, tx, account, before, touched)
    now = before | touched
    return [now[id].customer_id for id in ids]


def _learn(tx: Transaction, contacts: Iterable[Known]) -> None:
    """A later contact may be the first to tell its customer's name or language; who is unknown stays nobody."""
    told = [(known.customer_id, known.interaction) for known in contacts if known.interaction.customer]
    news = [(who, {"name": c.name, "language": c.language}) for who, c in told if c.name or c.language]
    if news:
        customers.learn(tx, news)


def _save(
    runtime: Runtime, tx: Transaction, account: str, before: Mapping[str, Known], touched: Mapping[str, Known]
) -> None:
    new = [known for id, known in touched.items() if id not in before]
    if interactions.save(tx, new, [k for id, k in touched.items() if id in before]):
        raise LostRace
    going_on = [known.id for known in touched.values() if not known.interaction.is_over]
    logged = outbox.already(tx, runtime.crm.name, OutKind.ENTRY, going_on) if going_on else set()
    log_contacts(runtime, tx, [k for k in touched.values() if k.interaction.is_over or k.id in logged])
    for known in touched.values():
        _watch_call(runtime, tx, account, known, before.get(known.id))
    draw(runtime, tx, list(touched.values()))


def log_contacts(runtime: Runtime, tx: Transaction, contacts: Sequence[Known]) -> None:
    """Owes the entries of these contacts, and a person for each customer whom the CRM does not know."""
    crm = runtime.crm.name
    waiting = owe_people(runtime.store, tx, crm, [known.customer_id for known in contacts])
    outbox.owe(runtime.store, tx, [entry_for(known, crm, waits=known.customer_id in waiting) for known in contacts])


def log_silent_calls(runtime: Runtime, tx: Transaction, ids: Sequence[str]) -> None:
    """Logs calls that have been silent for long, as they stand."""
    found = select(table).where(table.c.id.in_(ids))
    customers.locked(runtime.store, tx, [row.customer_id for row in tx.execute(found)])
    log_contacts(runtime, tx, [interactions.known_from(row, Kind.CALL) for row in tx.execute(found)])


def _begun(id: str, account: str, facts: Sequence[InteractionFact], default: Kind) -> Known:
    unique = tuple({fact.key: fact for fact in facts}.values())
    return Known(id, account, "", fold(unique, default), unique, 1)


def _raised(known: Known, more: Sequence[InteractionFact], default: Kind) -> Known:
    """The contact with these facts as well; the very same one where they add nothing."""
    keys = {fact.key for fact in known.facts}
    facts = known.facts + tuple({fact.key: fact for fact in more if fact.key not in keys}.values())
    folded = fold(facts, default)
    if len(facts) == len(known.facts):
        return known
    raised = known.revision + (folded != known.interaction)
    return replace(known, interaction=folded, facts=facts, revision=raised, before=known.interaction)


def _contact(known: Known) -> Contact:
    contact = known.interaction
    nobody = Identity(kind="anonymous", value=known.account, confidence=Confidence.MAYBE)
    return Contact(
        contact.customer or (nobody,), contact.at, known.account, contact.name, language=contact.language,
        used=contact.direction is Direction.INBOUND,
    )  # fmt: skip


def _watch_call(runtime: Runtime, tx: Transaction, account: str, known: Known, before: Known | None) -> None:
    """A call that goes on is logged after a while even if nobody ever tells of its end."""
    if known.interaction.kind is not Kind.CALL:
        return
    if known.interaction.is_over:
        if before is not None and not before.interaction.is_over:
            unschedule(tx, CALL_LANE, known.id)
    else:
        latest = max(fact.at for fact in known.facts)
        schedule(tx, runtime.store, CALL_LANE, known.id, latest + _log_after(runtime, account))


def _log_after(runtime: Runtime, account: str) -> timedelta:
    channel = runtime.channels.get(account)
    return channel.log_after() if channel else timedelta(hours=2)


def _kind(runtime: Runtime, account: str) -> Kind:
    plugin = runtime.accounts.get(account)
    return plugin.kind if isinstance(plugin, Channel) else Kind.MESSAGE


def fold_claims(runtime: Runtime, tx: Transaction, account: str, facts: Sequence[IdentityClaim]) -> list[str | None]:
    """Makes one person of those whose known identities are claimed to be the same person's."""
    found = [Contact(fact.identities, fact.at, account, fact.name) for fact in facts]
    owners = customers.resolve(runtime.store, tx, found)
    customers.learn(tx, [(who, {"name": fact.name}) for who, fact in zip(owners, facts, strict=True)])
    return list(owners)


def fold_person_merges(
    runtime: Runtime, tx: Transaction, account: str, facts: Sequence[PersonMerged]
) -> list[str | None]:
    """The CRM made two of its people one: what goes to the lost one goes to the kept one from now on."""
    owners: list[str | None] = []
    for fact in facts:
        lost, kept = customers.by_person(tx, fact.person_id), customers.by_person(tx, fact.into)
        if lost is not None and kept is not None and lost != kept:
            lost = kept = customers.merge(runtime.store, tx, lost, kept)[0]
        if lost is not None:
            customers.link(tx, {lost: fact.into})
        owners.append(lost or kept)
    return owners
