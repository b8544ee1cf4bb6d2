"""Invitations whose time has come: the policy decides on each, and what it sends is owed as a message."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from cxsdk.domain.identity import Identity
from cxsdk.domain.survey import InvitationState
from cxsdk.domain.texts import language_of
from cxsdk.journeys.business import LANE, taken_back
from cxsdk.journeys.routing import route_to, routes_to
from cxsdk.journeys.runtime import Runtime
from cxsdk.policy.decision import Decision, Verdict
from cxsdk.policy.rules import CLOSING_EXEMPT, Ask, Rule, Standing
from cxsdk.policy.surveys import decide
from cxsdk.policy.zones import zone_of
from cxsdk.store import Transaction, customers, decisions, invitations, outbox
from cxsdk.store.outbox import OutKind, Owed
from cxsdk.store.work import schedule, schedule_all

#: The kind of the question that closes a case.
CLOSING_KIND = "closing"
#: A question that goes out within this time after it was decided on is not decided on again.
FRESH = timedelta(minutes=1)


@dataclass
class _People:
    """What is known of the customers of a batch, and what this batch adds to it."""

    rows: Mapping[str, Row[Any]]
    identities: Mapping[str, list[Identity]]
    with_case: set[str]
    asked: dict[str, list[tuple[str, datetime]]] = field(default_factory=dict)
    automatic: dict[str, list[datetime]] = field(default_factory=dict)


def ask(runtime: Runtime, tx: Transaction, ids: Sequence[str]) -> None:
    """Looks at invitations whose time has come: asks, holds, skips, or lets them run out."""
    people = _people(runtime, tx, {i.customer_id for i in invitations.by_ids(tx, ids).values()})
    found = invitations.by_ids(tx, ids)  # read when their customers are locked
    verdicts = _Verdicts()
    for invitation in sorted(found.values(), key=lambda i: (i.not_before, i.id)):
        _look_at(runtime, tx, invitation, people, verdicts)
    verdicts.write(runtime, tx)


@dataclass
class _Verdicts:
    """What was decided on a batch, written together."""

    noted: list[decisions.Verdict] = field(default_factory=list)
    changed: list[Mapping[str, Any]] = field(default_factory=list)
    looks: list[tuple[str, datetime]] = field(default_factory=list)
    owed: list[Owed] = field(default_factory=list)

    def note(self, invitation: Row[Any], decision: Decision) -> None:
        """The decision goes to the ledger."""
        self.noted.append(
            decisions.Verdict(
                invitation.customer_id,
                "invitation",
                invitation.id,
                decision.rule,
                decision.verdict.value,
                decision.reason,
                decision.text,
                decision.until,
            )
        )

    def change(self, invitation: Row[Any], **values: Any) -> None:
        """The invitation takes these values; the others stay."""
        stay = {name: getattr(invitation, name) for name in _DECIDED}
        self.changed.append({"id": invitation.id, **stay, **values})

    def write(self, runtime: Runtime, tx: Transaction) -> None:
        """Writes all of it."""
        decisions.note_all(runtime.store, tx, self.noted)
        invitations.settle(tx, self.changed)
        schedule_all(tx, runtime.store, LANE, self.looks)
        outbox.owe(runtime.store, tx, self.owed)


#: The columns of an invitation that a decision writes.
_DECIDED = ("state", "reason", "decided_at", "account", "provider", "language", "expires_at")
_AWAITED = (InvitationState.SENT, InvitationState.DELIVERED, InvitationState.OPENED)


def _look_at(runtime: Runtime, tx: Transaction, invitation: Row[Any], people: _People, verdicts: _Verdicts) -> None:
    state = InvitationState(invitation.state)
    if state in invitations.PENDING and invitation.decided_at is None:
        _decide(runtime, tx, invitation, people, verdicts)
    elif state in _AWAITED and invitation.expires_at and invitation.expires_at <= runtime.clock.now():
        verdicts.change(invitation, state=InvitationState.EXPIRED.value)


def _decide(runtime: Runtime, tx: Transaction, invitation: Row[Any], people: _People, verdicts: _Verdicts) -> None:
    now = runtime.clock.now()
    identities = people.identities.get(invitation.customer_id, [])
    is_reachable = bool(routes_to(runtime, identities)) and bool(runtime.survey_providers)
    standing = _standing(runtime, invitation, people, reachable=is_reachable)
    decision = decide(_ask(invitation), standing, runtime.policy.budgets, now)
    verdicts.note(invitation, decision)
    if decision.verdict is Verdict.SKIP:
        verdicts.change(invitation, state=InvitationState.SKIPPED.value, reason=decision.reason)
    elif decision.verdict is Verdict.HOLD:
        verdicts.change(invitation, state=InvitationState.HELD.value, reason=decision.reason)
        look_again = decision.until or invitation.not_after + timedelta(microseconds=1)
        verdicts.looks.append((invitation.id, look_again))
    else:
        route = route_to(runtime, tx, invitation.customer_id, identities)
        if route is not None:
            _send(runtime, invitation, people, route, verdicts)


def _send(
    runtime: Runtime, invitation: Row[Any], people: _People, route: tuple[str, Identity], verdicts: _Verdicts
) -> None:
    now = runtime.clock.now()
    account, identity = route
    customer = people.rows[invitation.customer_id]
    rule = runtime.policy.rule(invitation.kind)
    answer_within = rule.answer_within if rule else runtime.policy.follow_up.confirm_within
    provider = next(iter(runtime.survey_providers))
    language = language_of(customer.language, runtime.policy.language)
    expires_at = now + answer_within
    verdicts.change(
        invitation,
        state=InvitationState.SCHEDULED.value,
        reason=None,
        decided_at=now,
        account=account,
        provider=provider,
        language=language,
        expires_at=expires_at,
    )
    verdicts.owed.append(_message(invitation, account, identity, provider, language, expires_at))
    if invitation.kind != CLOSING_KIND:
        people.asked.setdefault(invitation.customer_id, []).append((invitation.kind, now))
    people.automatic.setdefault(invitation.customer_id, []).append(now)


def _message(
    invitation: Row[Any], account: str, to: Identity, provider: str, language: str, expires_at: datetime
) -> Owed:
    """The message that puts an invitation's question to its customer."""
    about = {
        "key": invitation.id,
        "token": invitation.token,
        "survey": invitation.survey,
        "version": invitation.version,
        "language": language,
        "expires_at": expires_at.isoformat(),
        "provider": provider,
    }
    return Owed(
        account,
        OutKind.MESSAGE,
        invitation.id,
        {"to": to.value, "invitation": about},
        customer_id=invitation.customer_id,
        subject_id=invitation.id,
        automatic=True,
    )


def _ask(invitation: Row[Any]) -> Ask:
    exempt = CLOSING_EXEMPT if invitation.kind == CLOSING_KIND else frozenset()
    return Ask(kind=invitation.kind, not_before=invitation.not_before, not_after=invitation.not_after, exempt=exempt)


def second_thoughts(
    runtime: Runtime, tx: Transaction, ids: Iterable[str], tried: Container[str]
) -> dict[str, Decision]:
    """What speaks by now against questions that were decided on a while ago, or tried before, and are about to go out.

    Budgets were asked when they were decided on; quiet hours, opt-outs and what was taken back are asked again.
    """
    before, found = runtime.clock.now() - FRESH, invitations.by_ids(tx, ids).values()
    late = [i for i in found if i.id in tried or (i.decided_at is not None and i.decided_at < before)]
    if not late:
        return {}
    # Not locked: rows to send are locked by now, and customers come before them
    people = _people(runtime, tx, {invitation.customer_id for invitation in late}, locked=False)
    back = taken_back(tx, late)
    thoughts = [(i, _decide_again(runtime, i, people, CLOSING_EXEMPT, cancelled=back[i.id])) for i in late]
    held = [(i, decision) for i, decision in thoughts if decision.verdict is not Verdict.SEND]
    verdicts = _Verdicts()
    for invitation, decision in held:
        verdicts.note(invitation, decision)
    decisions.note_all(runtime.store, tx, verdicts.noted)
    return {invitation.id: decision for invitation, decision in held}


def reconsider(runtime: Runtime, tx: Transaction, invitation: Row[Any], *, counted: bool) -> Decision:
    """Whether a question that was decided on, and could not be sent, may still go out: now, later or never.

    ``counted``: it may have arrived, so that it speaks against itself in the budgets; they were asked when it was
    decided on.
    """
    people = _people(runtime, tx, {invitation.customer_id})
    closing = CLOSING_EXEMPT if invitation.kind == CLOSING_KIND else frozenset()
    exempt = closing | (CLOSING_EXEMPT - {Rule.ACTIVE_CASE} if counted else frozenset())
    back = taken_back(tx, [invitation])
    return _decide_again(runtime, invitation, people, exempt, cancelled=back[invitation.id])


def _decide_again(
    runtime: Runtime, invitation: Row[Any], people: _People, exempt: frozenset[Rule], *, cancelled: str | None
) -> Decision:
    now, last = runtime.clock.now(), invitation.expires_at
    if last is None or last <= now:
        return Decision(verdict=Verdict.SKIP, rule=Rule.WINDOW, reason="window_over", text="Its link has expired.")
    standing = _standing(runtime, invitation, people, reachable=True, cancelled=cancelled)
    ask = Ask(kind=invitation.kind, not_before=now, not_after=last, exempt=exempt)
    return decide(ask, standing, runtime.policy.budgets, now)


def _standing(
    runtime: Runtime, invitation: Row[Any], people: _People, *, reachable: bool, cancelled: str | None = None
) -> Standing:
    who = invitation.customer_id
    row, identities = people.rows[who], people.identities.get(who, [])
    phone = next((i.value for i in identities if i.kind == "phone"), None)
    return Standing(
        time_zone=row.time_zone or zone_of(phone, runtime.policy.timezone),
        opted_out=row.opted_out_at is not None,
        reachable=reachable,
        cancelled=cancelled,
        has_active_case=who in people.with_case,
        asked=tuple(people.asked.get(who, ())),
        automatic=tuple(people.automatic.get(who, ())),
    )


def _people(runtime: Runtime, tx: Transaction, ids: set[str], *, locked: bool = True) -> _People:
    budgets, now = runtime.policy.budgets, runtime.clock.now()
    rows = customers.locked(runtime.store, tx, ids) if locked else customers.by_ids(tx, ids)
    return _People(
        rows=rows,
        identities=customers.identities_of(tx, ids),
        with_case=invitations.with_active_case(tx, ids),
        asked=invitations.asked(tx, ids, now - max(budgets.same_kind, budgets.any_survey)),
        automatic=invitations.automatic_messages(tx, ids, now - budgets.automatic_per),
    )


def look_again(runtime: Runtime, tx: Transaction, customer_id: str) -> None:
    """Looks at once at what a customer's closed case held back."""
    now = runtime.clock.now()
    for invitation in invitations.pending(tx, customer_id):
        schedule(tx, runtime.store, LANE, invitation.id, max(now, invitation.not_before))
