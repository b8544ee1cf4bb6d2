"""Replaying what was done does nothing, whatever was done; what is new in a record is done once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from cxsdk import Raw
from cxsdk.domain.interaction import InteractionFact
from cxsdk.errors import BadInput
from cxsdk.journeys import dead_letters, replaying
from cxsdk.journeys.routing import ANY
from cxsdk.store import inbox
from cxsdk.store.aside import Ref
from cxsdk.store.inbox import Arrival
from cxsdk.store.tables import (
    DEAD,
    DONE,
    OWED,
    customers,
    early_facts,
    events,
    identities,
    invitations,
    metadata,
    outbox,
    tasks,
)
from cxsdk.store.tables import inbox as records
from tests.acceptance.conftest import NOON, Company, Letters

DAY, HOUR = timedelta(days=1), timedelta(hours=1)

#: Columns that say who did something last and when, and not what was done.
_BY_WHOM = {
    "inbox": {"fence", "next_at"},
    "cursors": {"fence", "holder", "lease_until"},
    "accounts": {"last_ok_at"},
}


def everything(company: Company) -> dict[str, list[dict[str, Any]]]:
    """All that we know, and all that the CRM and the channel were told."""
    found: dict[str, list[dict[str, Any]]] = {}
    with company.runtime.store.read() as tx:
        for table in metadata.sorted_tables:
            left_out = _BY_WHOM.get(table.name, set())
            rows = tx.execute(table.select().order_by(*table.primary_key.columns))
            found[table.name] = [{k: v for k, v in row._mapping.items() if k not in left_out} for row in rows]
    found["crm people"] = list(company.crm.people())
    found["crm entries"] = list(company.crm.entries())
    found["crm tasks"] = list(company.crm.tasks())
    found["letters"] = [message.model_dump() for message in company.letters.sent]
    return found


def replay(company: Company, since: datetime | None = None, *accounts: str) -> int:
    """Everything is replayed, and all that follows is done."""
    wanted = accounts or replaying.replayable(company.runtime)
    parts = list(replaying.replay(company.runtime, wanted, since))
    company.later(timedelta(seconds=len(parts) + 1))
    return sum(part.records for part in parts)


def api(company: Company, type: str, id: str, **item: Any) -> None:
    """A shop tells of something over the ingest API."""
    body = json.dumps({"type": type, "id": id, "at": company.now.isoformat(), **item}).encode()
    raw = Raw(id=f"{type}:{id}", body=body, received_at=company.now)
    with company.runtime.store.write() as tx:
        inbox.put(company.runtime.store, tx, [Arrival("api", raw)])
    company.installation.settle()


@pytest.fixture
def busy(company: Company) -> Company:
    """A company after two months in which everything happened that can happen."""
    _calls_and_letters(company)
    _surveys(company)
    _cases(company)
    _people(company)
    _endings(company)
    company.later(DAY)
    assert [(row.body, row.reason) for row in company.rows(records) if row.state != DONE] == []
    _is_busy(company)
    return company


def _call(company: Company, call: str, who: str, **fields: Any) -> None:
    about = {"interaction": call, "kind": "call", "direction": "inbound"}
    company.tell("InteractionFact", **about, sender={"kind": "phone", "value": who}, **fields)


def _calls_and_letters(company: Company) -> None:
    _call(company, "c1", "+12125550123", state="ringing")
    company.later(timedelta(minutes=1))
    _call(company, "c1", "+12125550123", state="answered")
    company.later(timedelta(minutes=5))
    _call(company, "c1", "+12125550123", state="ended")
    _call(company, "c1", "+12125550123", recording_url="https://pbx.example.com/1")
    _call(company, "c2", "+12125550124", state="missed")
    _call(company, "c3", "+12125550125", state="ringing")  # nobody ever ends it
    company.later(3 * HOUR)
    company.writes("Where is my parcel?")
    company.agent_writes("On its way.")
    company.writes("hello", "eve@example.com", also=[{"kind": "phone", "value": "+12125550126"}], name="Eve")


def _surveys(company: Company) -> None:
    for number, who in enumerate(("ann", "bob", "eve", "dan", "kim")):
        company.buys(f"{who}@example.com", order=f"A{number}", name=f"Sample {who}")
    company.buys("ann@example.com", kind="delivery", order="A0")
    company.buys("dan@example.com", kind="refund", order="A3")
    api(company, "event", "shop-1", kind="purchase", customer={"email": "zoe@example.com"}, order="Z1")
    company.later(3 * HOUR)
    for message in list(company.letters.sent):
        company.tell("Delivery", message_id=f"letter-{message.key}", state="delivered")
    company.tell("Delivery", message_id="letter-of-nobody", state="read")
    bob = next(message for message in company.letters.sent if message.to == "bob@example.com")
    company.tell("Delivery", message_id=f"letter-{bob.key}", state="bounced", reason="550 unknown")
    ann = next(message for message in company.letters.sent if message.to == "ann@example.com")
    company.answers(ann.link, q_csat="3", nonce="s1", step="score")
    company.answers(ann.link, q_comment="all good", nonce="s2", step="more")


def _cases(company: Company) -> None:
    company.later(15 * DAY)
    ann = [message for message in company.letters.sent if message.to == "ann@example.com"][-1]
    company.answers(ann.link, q_nps="1", nonce="n1", step="score")
    company.answers(ann.link, q_comment="slow", contact="on", phone="+12125550127", nonce="n2", step="more")
    company.agent_writes("We are sorry.")
    [task] = [task for task in company.open_tasks() if "1 of 10" in task["title"] or "asks" in task["title"]]
    company.crm.delete_task(task["id"])
    company.installation.settle()
    [again] = [one for one in company.open_tasks() if one["title"] == task["title"]]
    company.finishes(again, "talked to them")
    closing = company.letters.sent[-1]
    company.answers(closing.link, q_solved="0", nonce="x1", step="full")
    [last] = [one for one in company.open_tasks() if one["title"] != task["title"] and "call" not in one["title"]]
    company.finishes(last)
    company.later(8 * DAY)


def _people(company: Company) -> None:
    kim, sam = {"kind": "email", "value": "kim@example.com"}, {"kind": "email", "value": "sam@example.com"}
    company.writes("hi", "sam@example.com")
    company.tell("IdentityClaim", identities=[kim, sam])
    people = {person["name"]: person["id"] for person in company.crm.people()}
    company.tell("PersonMerged", person_id=people["Sample bob"], into=people["Eve"])
    company.tell("MessageRequest", customer=[kim], text="We call you tomorrow.")
    api(company, "message", "m1", customer={"email": "kim@example.com"}, text="As promised.")


def _endings(company: Company) -> None:
    company.writes("stop", "eve@example.com")
    company.later(HOUR)
    company.writes("start", "eve@example.com")
    company.tell("OptOut", customer=[{"kind": "email", "value": "kim@example.com"}])
    zoe = next(person["id"] for person in company.crm.people() if "zoe@example.com" in str(person))
    company.tell("PersonErased", person_id=zoe)


def _is_busy(busy: Company) -> None:
    states = {row.state for row in busy.rows(invitations)}
    assert {"answered", "failed", "skipped"} <= states
    assert busy.case().round == 2
    assert busy.case().state == "closed"
    assert len(busy.rows(tasks)) >= 4
    assert busy.rows(early_facts)
    assert [row.merged_into for row in busy.rows(customers)].count(None) < len(busy.rows(customers))
    assert not [row for row in busy.rows(identities) if row.value == "zoe@example.com"]


def test_replaying_everything_changes_nothing(busy: Company) -> None:
    before = everything(busy)
    number = len(before["inbox"])
    for fence in (2, 3):
        assert replay(busy) == number >= 40
        assert {row.fence for row in busy.rows(records)} >= {fence}  # they were really read again
    assert everything(busy) == before


def test_replaying_record_by_record_in_another_order_changes_nothing(busy: Company) -> None:
    before = everything(busy)
    for row in reversed(busy.rows(records)):
        replaying.replay_event(busy.runtime, f"inbox:{row.id}", [row.account])
        busy.installation.settle()
    assert everything(busy) == before


def test_what_is_owed_again_already_is_not_owed_twice(company: Company) -> None:
    _fill(company, 3)
    parts = [list(replaying.replay(company.runtime, ["letters"])) for _ in range(2)]
    assert [sum(part.records for part in some) for some in parts] == [3, 0]


# Which records


def test_only_records_of_the_accounts_and_of_the_time_are_replayed(company: Company) -> None:
    company.writes("old")
    company.later(2 * DAY)
    company.writes("new")
    api(company, "event", "e1", kind="purchase", customer={"email": "ann@example.com"})
    count = {
        "since": replay(company, company.now - DAY),
        "account": replay(company, None, "letters"),
        "both": replay(company, company.now - DAY, "api"),
        "none": replay(company, company.now, "pbx"),
    }
    assert count == {"since": 2, "account": 2, "both": 1, "none": 0}


def test_an_event_is_replayed_by_the_providers_id(company: Company) -> None:
    company.writes("hello")
    assert replaying.replay_event(company.runtime, "k1", ["letters", "api"]) == 1
    [row] = company.rows(records)
    assert row.state == OWED
    company.installation.settle()
    assert replaying.replay_event(company.runtime, "inbox:1", ["letters"]) == 1
    company.installation.settle()
    assert len(list(company.crm.entries())) == 1


@pytest.mark.parametrize(
    ("event", "account", "code"),
    [
        ("k1", "api", "record_unknown"),
        ("k9", "letters", "record_unknown"),
        ("inbox:99", "letters", "record_unknown"),
        ("outbox:1", "letters", "record_unknown"),
        ("k2", "letters", "record_dead"),
        ("k3", "letters", "record_dropped"),
    ],
)
def test_an_event_that_cannot_be_replayed_is_refused(company: Company, event: str, account: str, code: str) -> None:
    company.writes("hello")
    for _ in ("k2", "k3"):
        company.tell("NeverHeardOf")
    dead_letters.drop(company.runtime, [Ref("inbox", 3)])
    before = everything(company)
    with pytest.raises(BadInput) as refused:
        replaying.replay_event(company.runtime, event, [account])
    assert refused.value.code == code
    assert everything(company) == before


def test_what_was_never_understood_is_not_replayed(company: Company) -> None:
    company.tell("NeverHeardOf")
    assert replay(company) == 0
    assert company.rows(records)[0].state == DEAD


# At its own pace


def test_a_large_replay_becomes_due_bit_by_bit_in_the_order_of_arrival(company: Company) -> None:
    _fill(company, 25)
    parts = list(replaying.replay(company.runtime, ["letters"], per_second=10))
    assert [part.records for part in parts] == [10, 10, 5]
    due = [(row.next_at - company.now).total_seconds() for row in company.rows(records)]
    assert due == [0] * 10 + [1] * 10 + [2] * 5


def test_fresh_records_are_not_behind_replayed_ones(company: Company) -> None:
    _fill(company, 500)
    list(replaying.replay(company.runtime, ["letters"], per_second=100))
    company.writes("fresh")
    assert "fresh" in [entry["text"] for entry in company.crm.entries()]
    assert {row.state for row in company.rows(records)} == {DONE, OWED}


def test_a_replay_is_committed_part_by_part(company: Company) -> None:
    _fill(company, 30)
    parts = replaying.replay(company.runtime, ["letters"], per_second=10)
    next(parts)
    assert [row.state for row in company.rows(records)].count(OWED) == 10
    parts.close()
    assert [row.state for row in company.rows(records)].count(OWED) == 10


def test_what_comes_while_a_replay_runs_is_not_replayed(company: Company) -> None:
    _fill(company, 5)
    parts = replaying.replay(company.runtime, ["letters"], per_second=2)
    told = next(parts).records
    company.runtime.clock.advance(timedelta(seconds=1))
    company.writes("fresh")
    assert told + sum(part.records for part in parts) == 5


def _fill(company: Company, number: int) -> None:
    """So many messages came in and were understood."""
    ann = {"kind": "email", "value": "ann@example.com"}
    raws = [
        Raw.of({"fact": "InteractionFact", "key": f"f{n}", "at": NOON.isoformat(), "sender": ann}, id=f"f{n}")
        for n in range(number)
    ]
    with company.runtime.store.write() as tx:
        inbox.put(company.runtime.store, tx, [Arrival("letters", raw) for raw in raws])
    company.installation.settle()


# What would double, were it not seen to


def test_an_agents_message_goes_out_once_although_another_channel_is_better_by_now(company: Company) -> None:
    kim = [{"kind": "email", "value": "kim@example.com"}]
    company.tell("MessageRequest", customer=kim, text="We call you.")
    other = Letters(name="other")
    with company_with(company, other):
        company.tell("InteractionFact", account="other", sender=kim[0], text="use this one")
        replay(company, None, "letters")
        assert [message.text for message in company.letters.sent] == ["We call you."]
        assert other.sent == []


def test_an_agents_message_goes_out_once_although_its_channel_has_another_name_by_now(company: Company) -> None:
    company.tell("MessageRequest", customer=[{"kind": "email", "value": "kim@example.com"}], text="We call you.")
    with company.runtime.store.write() as tx:
        tx.execute(outbox.update().where(outbox.c.kind == "message").values(account="letters2019"))
    replay(company)
    assert len(company.letters.sent) == 1


def test_an_agents_message_over_whichever_channel_plugins_choose_goes_out_once(company: Company) -> None:
    company.tell("MessageRequest", customer=[{"kind": "email", "value": "kim@example.com"}], text="We call you.")
    with company.runtime.store.write() as tx:
        tx.execute(outbox.update().where(outbox.c.kind == "message").values(account=ANY, customer_id="merged"))
    replay(company)
    assert len(company.letters.sent) == 1


def test_an_event_of_somebody_who_was_recognised_perhaps_makes_nobody_new(company: Company) -> None:
    perhaps = {"kind": "phone", "value": "+12125550123", "confidence": "maybe"}
    company.tell("InteractionFact", sender=perhaps, text="hello")
    company.later(HOUR)
    company.tell("BusinessEvent", kind="purchase", customer=[perhaps], order="A1")
    known = {"kind": "email", "value": "bob@example.com"}
    company.tell("InteractionFact", sender=known, text="me too")
    company.tell("IdentityClaim", identities=[known, perhaps])  # now two may have this number
    before = everything(company)
    replay(company, None, "letters")
    assert everything(company) == before
    assert len(company.rows(events)) == 1


def test_a_record_is_acknowledged_when_it_is_fresh_and_never_again(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(Letters, "acknowledge", lambda _, raw, thanks: told.append(raw.id), raising=False)
    company.writes("hello")
    replay(company)
    assert told == ["k1"]


def test_an_answer_to_a_survey_that_is_asked_no_more_stays_understood(company: Company) -> None:
    company.buys()
    company.later(3 * HOUR)
    company.answers(q_csat="3", nonce="s1", step="score")
    before = everything(company)
    policy = company.runtime.policy
    object.__setattr__(company.runtime, "policy", replace(policy, surveys=()))
    replay(company)
    object.__setattr__(company.runtime, "policy", policy)
    assert everything(company) == before


# What replay is for


def test_what_a_plugin_has_learned_to_read_is_added_once(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.writes("hello")
    parse = Letters.parse

    def learned(letters: Letters, raw: Raw) -> Iterator[Any]:
        [fact] = parse(letters, raw)
        yield fact
        yield InteractionFact(key=f"{fact.key}-more", interaction=fact.key, at=fact.at, comment="from its header")

    monkeypatch.setattr(Letters, "parse", learned)
    for _ in range(3):
        replay(company)
    [entry] = company.crm.entries()
    assert (entry["text"], entry["comment"]) == ("hello", "from its header")
    assert entry["revision"] == 2


def test_a_record_that_is_not_understood_any_more_is_set_aside_and_what_it_said_stays(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.writes("hello")

    def stumble(*_: Any) -> Any:
        raise LookupError("a mistake of the plugin's")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Letters, "parse", stumble)
        replay(company)
    [row] = company.rows(records)
    assert row.state == DEAD
    assert "a mistake of the plugin's" in row.reason
    assert [entry["text"] for entry in company.crm.entries()] == ["hello"]
    dead_letters.retry(company.runtime, [Ref("inbox", row.id)])
    company.installation.settle()
    assert company.rows(records)[0].state == DONE
    assert len(list(company.crm.entries())) == 1


@contextmanager
def company_with(company: Company, other: Letters) -> Iterator[None]:
    """The company has one more channel, which its customers may use."""
    other.open(None)
    channels = dict(company.runtime.channels)
    object.__setattr__(company.runtime, "channels", {"other": other, **channels})
    yield
    object.__setattr__(company.runtime, "channels", channels)


def test_a_wish_told_by_a_clock_that_runs_ahead_does_not_outweigh_later_ones(company: Company) -> None:
    ann = [{"kind": "email", "value": "ann@example.com"}]
    company.tell("OptOut", customer=ann, at=(company.now + 2 * HOUR).isoformat())
    company.later(HOUR)
    company.tell("OptOut", customer=ann, opted_out=False)
    company.later(5 * HOUR)
    before = everything(company)
    assert company.rows(customers)[0].opted_out_at is None
    replay(company)
    assert everything(company) == before
