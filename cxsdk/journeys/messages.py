"""The message lane: invitations and what agents write, sent once over a channel, and logged when they went out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from sqlalchemy import Row

from cxsdk.domain.facts import Delivery, DeliveryState, MessageRequest
from cxsdk.domain.identity import Identity
from cxsdk.domain.ids import stable_id
from cxsdk.domain.interaction import Direction, InteractionFact
from cxsdk.domain.outward import Choice, Message, Receipt
from cxsdk.domain.survey import Invitation, InvitationState, Survey
from cxsdk.domain.wording import grade_text, invitation_text, question_text, survey_title
from cxsdk.errors import BadInput, Rejected, StoreUnavailable
from cxsdk.journeys import early
from cxsdk.journeys.asking import second_thoughts
from cxsdk.journeys.business import LANE, skip
from cxsdk.journeys.contacts import fold_interactions
from cxsdk.journeys.entries import survey_entry
from cxsdk.journeys.optout import note_wish
from cxsdk.journeys.outward import Desk, Finished
from cxsdk.journeys.parts import send_whole
from cxsdk.journeys.people import owe_people
from cxsdk.journeys.receipts import NothingSent
from cxsdk.journeys.routing import ANY, route_to, routes_to
from cxsdk.journeys.runtime import Runtime
from cxsdk.observe.guarding import guarded
from cxsdk.policy.decision import Decision
from cxsdk.store import Transaction, customers, decisions, invitations, outbox
from cxsdk.store.outbox import OutKind, Owed
from cxsdk.store.work import schedule_all


def fold_requests(runtime: Runtime, tx: Transaction, account: str, facts: Sequence[MessageRequest]) -> list[str | None]:
    """Owes what agents want to write, each over the channel named or the best one that reaches the customer."""
    keys = [stable_id("message", account, fact.key) for fact in facts]
    # Asked for again, it must not go out again, whatever the best channel is by now
    known = outbox.messages(tx, keys, accounts=[ANY, *runtime.channels])
    new = {key: fact for key, fact in zip(keys, facts, strict=True) if key not in known}
    contacts = [customers.Contact(fact.customer, fact.at, account, used=False) for fact in new.values()]
    owners = dict(zip(new, customers.resolve(runtime.store, tx, contacts), strict=True))
    # Nor where it went out over an account that is called something else today
    known |= outbox.messages(tx, list(owners), customer_ids=set(owners.values()))
    for key, owner in owners.items():
        if key not in known:
            _owe_request(runtime, tx, key, owner, new[key])
    return [known.get(key) or owners.get(key) for key in keys]


def _owe_request(runtime: Runtime, tx: Transaction, key: str, owner: str, fact: MessageRequest) -> None:
    channel, identity = _route_for(runtime, tx, owner, fact)
    body = {
        "to": identity.value,
        "kind": identity.kind,
        "text": fact.text,
        "subject": fact.subject,
        "agent": fact.agent,
        "in_reply_to": fact.in_reply_to,
    }
    outbox.owe(runtime.store, tx, [Owed(channel, OutKind.MESSAGE, key, body, customer_id=owner)])


def _route_for(runtime: Runtime, tx: Transaction, owner: str, fact: MessageRequest) -> tuple[str, Identity]:
    identities = [*fact.customer, *customers.identities_of(tx, [owner]).get(owner, [])]
    if fact.channel is None:
        route = route_to(runtime, tx, owner, identities)
    else:
        there = routes_to(runtime, identities).get(fact.channel)
        route = (fact.channel, there) if there else None
    if route is None:
        over = fact.channel or "any channel"
        raise BadInput(f"cannot be written to over {over}.", field="customer", code="unreachable")
    return route


class MessageDesk(Desk):
    """Composes and sends; what the channel accepts is logged, and deliveries are matched by its ids."""

    repeats = False

    def __init__(self, runtime: Runtime, account: str) -> None:
        super().__init__(runtime, account)
        self.channel = runtime.channels[account]
        self.duplicates, self.lookup_lag = self.channel.duplicates, self.channel.lookup_lag
        self.batch_size, self.deadline_s = self.channel.batch_size, self.channel.deadline_s

    def build(self, tx: Transaction, rows: Sequence[Row[Any]]) -> Mapping[int, Row[Any] | Rejected]:
        """The rows themselves: composing asks the survey provider, which no transaction may wait for."""
        return {row.id: row for row in rows}

    def not_now(self, tx: Transaction, rows: Sequence[Row[Any]]) -> Mapping[int, Decision]:
        """Questions that an outage has held up: it may be night by now, or the customer has opted out meanwhile."""
        questions = {row.subject_id: row for row in rows if "invitation" in row.body}
        tried = {id for id, row in questions.items() if row.marked_at is not None}
        thoughts = second_thoughts(self.runtime, tx, questions, tried)
        return {questions[id].id: decision for id, decision in thoughts.items()}

    def call(self, values: Sequence[Row[Any]]) -> Iterable[Receipt]:
        """Composes the messages and sends them, together as far as the channel's length allows."""
        try:
            messages = [self.runtime.hooks.filter_message(self._compose(row)) for row in values]
        except StoreUnavailable as error:  # under a survey provider that is asked for a link
            raise NothingSent(str(error), retry_after=error.retry_after) from error
        return send_whole(self.channel, messages)

    def find_written(self, keys: Sequence[str]) -> Iterable[str | None]:
        """The channel's ids of messages sent under these keys."""
        return self.channel.find_written(keys)

    def _compose(self, row: Row[Any]) -> Message:
        body = row.body
        if "invitation" in body:
            return _invitation_message(self.runtime, self.account, row.key, body)
        return Message(
            key=row.key, to=body["to"], text=body["text"], subject=body["subject"], agent=body["agent"],
            in_reply_to=body["in_reply_to"], language=self.runtime.policy.language,
        )  # fmt: skip

    def done(self, tx: Transaction, finished: Finished) -> None:
        """Invitations were sent, and agents' messages are contacts of their own."""
        _invitations_sent(self.runtime, tx, [row for row, _ in finished if "invitation" in row.body])
        _log_messages(self.runtime, tx, self.account, [done for done in finished if "invitation" not in done[0].body])
        subjects = {receipt.id: row.subject_id for row, receipt in finished if receipt.id is not None}
        waiting = [Delivery.model_validate(fact) for fact in early.take(tx, self.account, "delivery", subjects)]
        for fact in sorted(waiting, key=lambda fact: (fact.at, fact.key)):
            _deliver(self.runtime, tx, subjects[fact.message_id], fact)

    def opted_out(self, tx: Transaction, row: Row[Any], reason: str) -> None:
        """It is kept as if they had said it to us."""
        customer = customers.current(tx, row.customer_id)
        if customer is not None:
            now = self.runtime.store.moment(tx)
            note_wish(self.runtime, tx, customer.id, opted_out=True, at=now, how=f"{self.account}: {reason}")

    def given_up(self, tx: Transaction, row: Row[Any], reason: str) -> None:
        """An invitation that could not be sent has failed, with the reason; one that was answered did arrive."""
        found = invitations.by_ids(tx, [row.subject_id] if "invitation" in row.body else [])
        if any(invitation.state != InvitationState.ANSWERED for invitation in found.values()):
            reason_code = "outcome_unknown" if reason == "outcome_unknown" else "not_sent"
            invitations.change(tx, [row.subject_id], state=InvitationState.FAILED.value, reason=reason_code)
            decisions.note(
                self.runtime.store, tx, row.customer_id, "invitation", row.subject_id,
                rule="channel", verdict="fail", reason=reason_code, text=f"{self.account}: {reason}",
            )  # fmt: skip

    def dropped(self, tx: Transaction, row: Row[Any], decision: Decision) -> None:
        """A question that is not put any more is skipped."""
        for invitation in invitations.by_ids(tx, [row.subject_id]).values():
            skip(self.runtime, tx, invitation, decision.rule, decision.reason, decision.text)


def _invitations_sent(runtime: Runtime, tx: Transaction, rows: Sequence[Row[Any]]) -> None:
    found = list(invitations.by_ids(tx, [row.subject_id for row in rows]).values())
    if not found:
        return
    now = runtime.clock.now()
    invitations.settle(tx, [{"id": i.id, "state": _state_when_sent(i.state), "sent_at": now} for i in found])
    schedule_all(tx, runtime.store, LANE, [(invitation.id, invitation.expires_at) for invitation in found])
    waiting = owe_people(runtime.store, tx, runtime.crm.name, [invitation.customer_id for invitation in found])
    outbox.owe(runtime.store, tx, [_sent_entry(runtime, i, waits=i.customer_id in waiting) for i in found])


def _state_when_sent(state: str) -> str:
    """An answer can be quicker than the receipt: what is answered stays answered."""
    return InvitationState.SENT.value if state == InvitationState.SCHEDULED else state


def _sent_entry(runtime: Runtime, invitation: Row[Any], *, waits: bool) -> Owed:
    policy = runtime.policy
    text = policy.say("entry.sent", survey=survey_title(invitation.survey, policy.language, policy.texts))
    return survey_entry(
        runtime,
        invitation.id,
        invitation.customer_id,
        Direction.OUTBOUND,
        text,
        waits=waits,
        account=invitation.account,
    )


def _log_messages(runtime: Runtime, tx: Transaction, account: str, sent: Finished) -> None:
    if sent:
        fold_interactions(runtime, tx, account, [_as_contact(runtime, row, receipt) for row, receipt in sent])


def _as_contact(runtime: Runtime, row: Row[Any], receipt: Receipt) -> InteractionFact:
    body = row.body
    return InteractionFact(
        key=receipt.id or row.key,
        at=runtime.clock.now(),
        direction=Direction.OUTBOUND,
        recipient=Identity(kind=body["kind"], value=body["to"]),
        text=body["text"],
        subject=body["subject"],
        agent=body["agent"],
        in_reply_to=body["in_reply_to"],
    )


def fold_deliveries(runtime: Runtime, tx: Transaction, account: str, facts: Sequence[Delivery]) -> list[str | None]:
    """What became of messages that we sent; one that speaks of a message not yet known waits for it."""
    owners: list[str | None] = []
    for fact in facts:
        row = outbox.written_as(tx, account, OutKind.MESSAGE, fact.message_id)
        if row is None:
            early.keep(runtime, tx, account, "delivery", fact.message_id, fact)
        else:
            _deliver(runtime, tx, row.subject_id, fact)
        owners.append(row.customer_id if row is not None else None)
    return owners


#: How far along an invitation is; a delivery only moves it on.
_PROGRESS = (InvitationState.SCHEDULED, InvitationState.SENT, InvitationState.DELIVERED, InvitationState.OPENED)
_REACHED = {DeliveryState.DELIVERED: InvitationState.DELIVERED, DeliveryState.READ: InvitationState.OPENED}


def _deliver(runtime: Runtime, tx: Transaction, invitation_id: str | None, fact: Delivery) -> None:
    found = invitations.by_ids(tx, [invitation_id]).get(invitation_id) if invitation_id else None
    if found is None or found.state not in _PROGRESS:
        return
    if fact.state in (DeliveryState.FAILED, DeliveryState.BOUNCED):
        invitations.change(tx, [found.id], state=InvitationState.FAILED.value, reason=fact.state.value)
        decisions.note(
            runtime.store,
            tx,
            found.customer_id,
            "invitation",
            found.id,
            rule="channel",
            verdict="fail",
            reason=fact.state.value,
            text=fact.reason or "The message did not arrive.",
        )
    elif fact.state in _REACHED and _PROGRESS.index(_REACHED[fact.state]) > _PROGRESS.index(found.state):
        invitations.change(tx, [found.id], state=_REACHED[fact.state].value)


def _invitation_message(runtime: Runtime, account: str, key: str, body: Mapping[str, Any]) -> Message:
    """The words of an invitation, in the customer's language and as the channel shows them best."""
    about = dict(body["invitation"])
    provider = runtime.survey_providers[about.pop("provider")]
    invitation = Invitation(**{**about, "expires_at": datetime.fromisoformat(about["expires_at"])})
    channel, survey = runtime.channels[account], runtime.policy.survey(invitation.survey)
    with guarded():
        link = provider.link(invitation)
    stop = f"{runtime.public_url}/s/{runtime.signer.sign(invitation.token, invitation.expires_at)}/stop"
    say = {"company": runtime.policy.company, "link": link, "stop_link": stop}
    language, texts = invitation.language, runtime.policy.texts
    part = "email" if channel.reaches == "email" else "message"
    text = invitation_text(invitation.survey, part, language, texts, **say)
    subject = invitation_text(invitation.survey, "subject", language, texts, **say)
    inline = channel.inline_answers and survey is not None
    if part == "email":
        text = f"{text}\n\n{runtime.policy.say('invitation.footer', language, **say)}"
    scored = provider.score_links and part == "email" and survey is not None
    return Message(
        key=key, to=body["to"], text=text, subject=subject if part == "email" else "", language=language, link=link,
        html=_html(runtime, survey, text, link, language) if scored and survey else None,
        choices=tuple(_choices(runtime, survey, invitation.token, language)) if inline and survey else (),
        automatic=True, unsubscribe_url=stop,
    )  # fmt: skip


def _choices(runtime: Runtime, survey: Survey, token: str, language: str) -> Iterator[Choice]:
    """One tap each: what is tapped comes back as ``token:question:grade``."""
    asked = survey.score_question
    if asked is not None and asked.scale is not None:
        for grade in asked.scale.grades:
            label = grade_text(asked.scale, grade, language, runtime.policy.texts)
            yield Choice(label=label, data=f"{token}:{asked.id}:{grade}")


def _html(runtime: Runtime, survey: Survey, text: str, link: str, language: str) -> str:
    """The letter with its question answered by one tap: each grade opens the page with that grade chosen."""
    asked = survey.score_question
    if asked is None or asked.scale is None:
        return _paragraphs(text)
    question = escape(question_text(asked, language, runtime.policy.texts, company=runtime.policy.company))
    taps = " &nbsp; ".join(
        f'<a href="{escape(link)}?score={grade}" style="font-size:18px">'
        f"{escape(grade_text(asked.scale, grade, language, runtime.policy.texts))}</a>"
        for grade in asked.scale.grades
    )
    return f"<p><strong>{question}</strong></p><p>{taps}</p>{_paragraphs(text)}"


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part).replace(chr(10), '<br>')}</p>" for part in text.strip().split("\n\n"))
