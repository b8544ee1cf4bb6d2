"""Business events: a purchase leads to invitations, use or delivery moves their time, a refund takes them back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from cxsdk.domain.facts import BusinessEvent, EventKind
from cxsdk.domain.ids import stable_id
from cxsdk.domain.rules import SurveyRule
from cxsdk.domain.survey import InvitationState
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction, customers, decisions, invitations, outbox
from cxsdk.store.among import among
from cxsdk.store.customers import Contact
from cxsdk.store.prepared import Prepared
from cxsdk.store.rows import insert_new
from cxsdk.store.tables import events
from cxsdk.store.work import schedule, schedule_all, unschedule

#: The lane of invitations that are to be looked at.
LANE = "due:invitation"
#: What takes an order back, and the reason that an invitation is skipped for then.
TAKEN_BACK = {EventKind.CANCELLATION: "cancelled", EventKind.REFUND: "refunded"}


def fold_events(runtime: Runtime, tx: Transaction, account: str, facts: Sequence[BusinessEvent]) -> list[str | None]:
    """Stores what happened, once each, and brings the invitations that hang on it up to date."""
    ids = [stable_id("event", account, fact.key) for fact in facts]
    # Who it was is looked for once: told again, an identity may lead to nobody any more, or to somebody else
    known = {row.id: row.customer_id for row in tx.execute(_OWNERS, {"ids": ids})}
    new = {id: fact for id, fact in zip(ids, facts, strict=True) if id not in known}
    owners = customers.resolve(runtime.store, tx, [_contact(fact, account) for fact in new.values()])
    told = {id: (owner, fact) for owner, (id, fact) in zip(owners, new.items(), strict=True)}
    added = _insert(runtime, tx, [_row(id, *about) for id, about in told.items()])
    fresh = {id: about for id, about in told.items() if id in added}  # in the order in which they were told
    customers.learn(
        tx, [(who, {"name": f.name, "language": f.language, "time_zone": f.time_zone}) for who, f in fresh.values()]
    )
    _invite(runtime, tx, fresh)
    _bring_all_up_to_date(runtime, tx, {owner for owner, _ in fresh.values()})
    known |= {id: owner for id, (owner, _) in told.items()}
    return [known[id] for id in ids]


_OWNERS = Prepared(select(events.c.id, events.c.customer_id).where(among(events.c.id, "ids")))


def _insert(runtime: Runtime, tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    if not rows:
        return set()
    return {id for (id,) in insert_new(tx, events, rows, "id")}


def _contact(fact: BusinessEvent, account: str) -> Contact:
    return Contact(fact.customer, fact.at, account, fact.name, language=fact.language, time_zone=fact.time_zone)


def _row(id: str, owner: str, fact: BusinessEvent) -> dict[str, Any]:
    body = fact.model_dump(mode="json", exclude={"customer", "name"}, exclude_defaults=True)
    return {"id": id, "customer_id": owner, "kind": fact.kind.value, "at": fact.at, "order": fact.order, "body": body}


def _invite(runtime: Runtime, tx: Transaction, fresh: Mapping[str, tuple[str, BusinessEvent]]) -> None:
    """One invitation for each rule that an event triggers, to be looked at when its window opens."""
    rows = [
        _invitation(runtime, id, owner, fact, rule)
        for id, (owner, fact) in fresh.items()
        for rule in runtime.policy.surveys
        if fact.kind in rule.triggers
    ]
    added = invitations.add(tx, rows)
    looks = [(row["id"], row["not_before"]) for row in rows if row["id"] in added]
    schedule_all(tx, runtime.store, LANE, looks)


def _invitation(runtime: Runtime, event_id: str, owner: str, fact: BusinessEvent, rule: SurveyRule) -> dict[str, Any]:
    invitation_id = stable_id("invitation", rule.kind, event_id)
    not_before, not_after = rule.window(fact.at)
    return {
        "id": invitation_id,
        "token": runtime.signer.token_for(invitation_id),
        "kind": rule.kind,
        "survey": rule.survey.name,
        "version": rule.survey.version,
        "customer_id": owner,
        "trigger_id": event_id,
        "order": fact.order,
        "state": InvitationState.SCHEDULED.value,
        "not_before": not_before,
        "not_after": not_after,
    }


def _bring_all_up_to_date(runtime: Runtime, tx: Transaction, owners: set[str]) -> None:
    """What moves an invitation, or takes it back, may come before or after what it asks about."""
    anchors = {kind for rule in runtime.policy.surveys for kind in rule.anchors}
    kinds = anchors | set(TAKEN_BACK)
    happened = _happened(tx, owners)
    for owner in sorted(owner for owner, told in happened.items() if any(event.kind in kinds for event in told)):
        for invitation in invitations.pending(tx, owner):
            _bring_up_to_date(runtime, tx, invitation, happened[owner])
        for invitation in invitations.on_their_way(tx, owner):
            _take_back(runtime, tx, invitation, happened[owner])


def _bring_up_to_date(runtime: Runtime, tx: Transaction, invitation: Row[Any], happened: Sequence[Row[Any]]) -> None:
    """The window and fate of a pending invitation, as all events of its order say together."""
    related = _related(invitation, happened)
    back = _how_taken_back(related)
    if back:
        skip(runtime, tx, invitation, "cancelled", back, f"What it asks about was {back}.")
        return
    rule = runtime.policy.rule(invitation.kind)
    anchors = [event.at for event in related if rule is not None and event.kind in rule.anchors]
    if rule is not None and anchors:
        _move(runtime, tx, invitation, rule, max(anchors))


def _take_back(runtime: Runtime, tx: Transaction, invitation: Row[Any], happened: Sequence[Row[Any]]) -> None:
    """A message that no call may have sent yet does not go out for what was taken back."""
    back = _how_taken_back(_related(invitation, happened))
    if back and outbox.cancel_messages(tx, invitation.customer_id, back, invitation_id=invitation.id):
        skip(runtime, tx, invitation, "cancelled", back, f"What it asks about was {back}.")


def taken_back(tx: Transaction, asked: Collection[Row[Any]]) -> dict[str, str | None]:
    """How that was taken back which each of these invitations asks about, by its id: cancelled, refunded or not."""
    happened = _happened(tx, {invitation.customer_id for invitation in asked})
    return {i.id: _how_taken_back(_related(i, happened.get(i.customer_id, ()))) for i in asked}


def _how_taken_back(related: Sequence[Row[Any]]) -> str | None:
    return next((TAKEN_BACK[EventKind(event.kind)] for event in related if event.kind in TAKEN_BACK), None)


def _move(runtime: Runtime, tx: Transaction, invitation: Row[Any], rule: SurveyRule, anchor: datetime) -> None:
    not_before, not_after = rule.window(anchor)
    if (not_before, not_after) != (invitation.not_before, invitation.not_after):
        invitations.change(tx, [invitation.id], not_before=not_before, not_after=not_after)
        schedule(tx, runtime.store, LANE, invitation.id, not_before)


def _happened(tx: Transaction, customer_ids: Iterable[str]) -> dict[str, list[Row[Any]]]:
    """What happened to each of these customers, in the order of time."""
    found: dict[str, list[Row[Any]]] = {}
    for event in tx.execute(_HAPPENED, {"ids": sorted(customer_ids)}):
        found.setdefault(event.customer_id, []).append(event)
    return found


_HAPPENED = Prepared(
    select(events.c.id, events.c.customer_id, events.c.kind, events.c.at, events.c.order)
    .where(among(events.c.customer_id, "ids"))
    .order_by(events.c.at)
)


def _related(invitation: Row[Any], happened: Sequence[Row[Any]]) -> list[Row[Any]]:
    """The events of an invitation's order; those without an order speak of whatever was bought before them."""
    trigger = next((event for event in happened if event.id == invitation.trigger_id), None)
    if trigger is None:
        return []
    others = (event for event in happened if event.id != trigger.id)
    return [
        event
        for event in others
        if (event.at >= trigger.at if event.order is None else event.order == invitation.order)
    ]


def skip(runtime: Runtime, tx: Transaction, invitation: Row[Any], rule: str, reason: str, text: str) -> None:
    """Decides against an invitation for good, with a reason."""
    invitations.change(tx, [invitation.id], state=InvitationState.SKIPPED.value, reason=reason)
    unschedule(tx, LANE, invitation.id)
    decisions.note(
        runtime.store, tx, invitation.customer_id, "invitation", invitation.id,
        rule=rule, verdict="skip", reason=reason, text=text,
    )  # fmt: skip
