"""Business events: a purchase leads to invitations, use or delivery moves their time, a refund takes them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from cxsdk.domain.facts import BusinessEvent, EventKind
from cxsdk.domain.ids import stable_id
from cxsdk.domain.rules import SurveyRule
from cxsdk.domain.survey import InvitationState
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction, customers, decisions, invitations, outbox
from cxsdk.store.customers import Contact
from cxsdk.store.tables import events
from cxsdk.store.work import insert_for, schedule, schedule_all, unschedule

#: The lane of invitations that are to be looked at.
LANE = "due:invitation"
#: What takes an order back, and the reason that an invitation is skipped for then.
TAKEN_BACK = {EventKind.CANCELLATION: "cancelled", EventKind.REFUND: "refunded"}


def fold_events(runtime: Runtime, tx: Transaction, account: str, facts: Sequence[BusinessEvent]) -> list[str | None]:
    """Stores what happened, once each, and brings the invitations that hang on it up to date."""
    owners = customers.resolve(runtime.store, tx, [_contact(fact, account) for fact in facts])
    told = {stable_id("event", account, fact.key): (owner, fact) for owner, fact in zip(owners, facts, strict=True)}
    insert = insert_for(runtime.store)(events).on_conflict_do_nothing().returning(events.c.id)
    new = set(tx.scalars(insert, [_row(id, owner, fact) for id, (owner, fact) in told.items()]))
    fresh = {id: about for id, about in told.items() if id in new}
    for owner, fact in fresh.values():
        if fact.name or fact.language or fact.time_zone:
            customers.learn(tx, owner, name=fact.name, language=fact.language, time_zone=fact.time_zone)
    _invite(runtime, tx, fresh)
    _bring_all_up_to_date(runtime, tx, {owner for owner, _ in fresh.values()})
    return list(owners)


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
    added = invitations.add(runtime.store, tx, rows)
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
    kinds = [kind.value for kind in anchors | set(TAKEN_BACK)]
    concerned = select(events.c.customer_id).where(events.c.customer_id.in_(owners), events.c.kind.in_(kinds))
    for owner in sorted(set(tx.scalars(concerned))):
        for invitation in invitations.pending(tx, owner):
            _bring_up_to_date(runtime, tx, invitation)
        for invitation in invitations.on_their_way(tx, owner):
            _take_back(runtime, tx, invitation)


def _bring_up_to_date(runtime: Runtime, tx: Transaction, invitation: Row[Any]) -> None:
    """The window and fate of a pending invitation, as all events of its order say together."""
    related = _related(tx, invitation)
    back = next((TAKEN_BACK[EventKind(event.kind)] for event in related if event.kind in TAKEN_BACK), None)
    if back:
        skip(runtime, tx, invitation, "cancelled", back, f"What it asks about was {back}.")
        return
    rule = runtime.policy.rule(invitation.kind)
    anchors = [event.at for event in related if rule is not None and event.kind in rule.anchors]
    if rule is not None and anchors:
        _move(runtime, tx, invitation, rule, max(anchors))


def _take_back(runtime: Runtime, tx: Transaction, invitation: Row[Any]) -> None:
    """A message that no call may have sent yet does not go out for what was taken back."""
    back = next((TAKEN_BACK[EventKind(e.kind)] for e in _related(tx, invitation) if e.kind in TAKEN_BACK), None)
    if back and outbox.cancel_messages(tx, invitation.customer_id, back, invitation_id=invitation.id):
        skip(runtime, tx, invitation, "cancelled", back, f"What it asks about was {back}.")


def _move(runtime: Runtime, tx: Transaction, invitation: Row[Any], rule: SurveyRule, anchor: datetime) -> None:
    not_before, not_after = rule.window(anchor)
    if (not_before, not_after) != (invitation.not_before, invitation.not_after):
        invitations.change(tx, [invitation.id], not_before=not_before, not_after=not_after)
        schedule(tx, runtime.store, LANE, invitation.id, not_before)


def _related(tx: Transaction, invitation: Row[Any]) -> Sequence[Row[Any]]:
    """The events of an invitation's order; those without an order speak of whatever was bought before them."""
    trigger = tx.execute(select(events).where(events.c.id == invitation.trigger_id)).one_or_none()
    if trigger is None:
        return []
    mine = events.c.order.is_(None) & (events.c.at >= trigger.at)
    if invitation.order is not None:
        mine |= events.c.order == invitation.order
    query = select(events).where(events.c.customer_id == invitation.customer_id, events.c.id != trigger.id, mine)
    return tx.execute(query.order_by(events.c.at)).all()


def skip(runtime: Runtime, tx: Transaction, invitation: Row[Any], rule: str, reason: str, text: str) -> None:
    """Decides against an invitation for good, with a reason."""
    invitations.change(tx, [invitation.id], state=InvitationState.SKIPPED.value, reason=reason)
    unschedule(tx, LANE, invitation.id)
    decisions.note(
        runtime.store, tx, invitation.customer_id, "invitation", invitation.id,
        rule=rule, verdict="skip", reason=reason, text=text,
    )  # fmt: skip
