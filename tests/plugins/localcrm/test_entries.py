"""The timeline: each contact once, in its latest revision."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations

import pytest

from cxsdk import Attachment, CallState, Direction, Kind, LogEntry
from cxsdk.domain.outward import Outcome
from cxsdk.testing import NOW
from cxsdk_localcrm import LocalCRM


def entry(person_id: str, key: str = "call", **changes: object) -> LogEntry:
    known = {"kind": Kind.CALL, "direction": Direction.INBOUND, "at": NOW, **changes}
    return LogEntry(key=key, person_id=person_id, **known)


def test_an_entry_keeps_all_that_was_told(crm: LocalCRM, person_id: str) -> None:
    told = entry(
        person_id,
        at=datetime(2026, 1, 5, 14, 0, 0, 5, tzinfo=timezone(timedelta(hours=2))),
        account="telephony",
        agent_id="2",
        subject="A call",
        text="Said «дякую» 🙂",
        comment="Friendly",
        state=CallState.ENDED,
        seconds=65,
        counterpart="+12125550123",
        recording_url="https://pbx.example.com/1.mp3",
        attachments=(Attachment(name="notes.txt", size=12),),
        automatic=True,
    )
    [receipt] = crm.log([told])
    [kept] = crm.entries()
    assert kept.pop("id") == receipt.id
    assert kept.pop("at") == told.at
    assert kept.pop("attachments") == [told.attachments[0].model_dump()]
    assert kept == told.model_dump(exclude={"entry_id", "at", "attachments"})


def test_the_same_entry_sent_twice_is_one(crm: LocalCRM, person_id: str) -> None:
    first, again = crm.log([entry(person_id)]) + crm.log([entry(person_id)])
    assert (first.outcome, again.outcome) == (Outcome.ACCEPTED, Outcome.DUPLICATE)
    assert first.id == again.id
    assert len(list(crm.entries())) == 1


def test_a_later_revision_updates_the_same_entry(crm: LocalCRM, person_id: str) -> None:
    [first] = crm.log([entry(person_id)])
    [second] = crm.log([entry(person_id, revision=2, entry_id=first.id, recording_url="https://pbx.example.com/1.mp3")])
    [kept] = crm.entries()
    assert second == first
    assert (kept["revision"], kept["recording_url"]) == (2, "https://pbx.example.com/1.mp3")


@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
def test_the_latest_revision_stands_in_whatever_order_they_come(
    crm: LocalCRM, person_id: str, order: tuple[int, ...]
) -> None:
    receipts = crm.log([entry(person_id, revision=n, text=f"revision {n}") for n in order])
    assert len({receipt.id for receipt in receipts}) == 1
    assert all(receipt.is_done for receipt in receipts)
    assert [(e["revision"], e["text"]) for e in crm.entries()] == [(3, "revision 3")]


@pytest.mark.parametrize("nobody", ["", "0", "99", "x", "1.0", " 1", "-1", "١", "9" * 40, "\ud800", "1\0"])
def test_an_entry_of_an_unknown_person_is_rejected_and_the_rest_goes_on(
    crm: LocalCRM, person_id: str, nobody: str
) -> None:
    receipts = crm.log([entry(person_id, "a"), entry(nobody, "b"), entry(person_id, "c")])
    assert [receipt.outcome for receipt in receipts] == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED]
    assert "no person" in receipts[1].reason
    receipts[1].reason.encode()
    assert [e["key"] for e in crm.entries()] == ["a", "c"]


def test_half_an_emoji_or_a_giant_number_is_rejected_alone(crm: LocalCRM, person_id: str) -> None:
    receipts = crm.log(
        [entry(person_id, "a", text="\ud83d"), entry(person_id, "b", seconds=2**70), entry(person_id, "c")]
    )
    assert [receipt.outcome for receipt in receipts] == [Outcome.REJECTED, Outcome.REJECTED, Outcome.ACCEPTED]


def test_an_unknown_agent_is_no_reason_to_lose_an_entry(crm: LocalCRM, person_id: str) -> None:
    [receipt] = crm.log([entry(person_id, agent_id="somebody else")])
    assert receipt.outcome is Outcome.ACCEPTED
    assert [e["agent_id"] for e in crm.entries()] == [None]


def test_many_entries_are_read_back_in_order(crm: LocalCRM, person_id: str) -> None:
    entries = [entry(person_id, f"e{n}", at=NOW + timedelta(seconds=n)) for n in range(2500)]
    for start in range(0, len(entries), crm.batch_size):
        crm.log(entries[start : start + crm.batch_size])
    kept = list(crm.entries())
    assert [e["key"] for e in kept] == [e.key for e in entries]
    assert kept[-1]["at"] == entries[-1].at
    assert kept[-1]["at"].tzinfo is UTC
    assert crm.calls()["log"] == 25
