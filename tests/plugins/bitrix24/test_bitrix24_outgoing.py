"""What goes into Bitrix24: people, entries of each kind, tasks; each once, on the right person."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import (
    Attachment,
    CallState,
    Direction,
    Kind,
    LogEntry,
    OutcomeUnknown,
    Person,
    RateLimited,
    Task,
    email,
    handle,
    phone,
)
from cxsdk.domain.outward import Outcome
from cxsdk.testing import NOW, opened, send
from cxsdk_bitrix24 import Bitrix24
from cxsdk_bitrix24.commands import Reference, encoded
from cxsdk_bitrix24.outgoing import TEXT_LIMIT
from tests.plugins.bitrix24.conftest import bitrix24
from tests.plugins.bitrix24.fake import FakeBitrix24, Refused, decoded, failure

ANN = Person(key="p1", name="Ann Sample", identities=(email("ann@example.com"), phone("+12125550123")))


def entry(person: str, key: str = "e1", **fields: Any) -> LogEntry:
    common = {"kind": Kind.CALL, "direction": Direction.INBOUND, "at": NOW, "counterpart": "+12125550123"}
    return LogEntry(key=key, person_id=person, **common | fields)


def task(person: str, key: str = "t1", **fields: Any) -> Task:
    return Task(key=key, person_id=person, **{"title": "Call back", "due": NOW + timedelta(hours=1)} | fields)


def reach(**held: str) -> list[dict[str, Any]]:
    return [{"id": 1, "typeId": kind, "valueType": "WORK", "value": value} for kind, value in held.items()]


@pytest.fixture
def ann(portal: FakeBitrix24) -> str:
    return (
        f"C_{portal.put(3, name='Ann', assignedById=7, fm=reach(PHONE='+1 (212) 555-0123', EMAIL='ann@example.com'))}"
    )


# -- entries


def test_a_call_is_a_call(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    told = {"recording_url": "https://calls.example.com/1.mp3", "comment": "Friendly & short", "agent_id": "9"}
    [receipt] = crm.log([entry(ann, seconds=61, state=CallState.ENDED, text="Where is\nmy parcel?", **told)])
    [(id, call)] = portal.activities.items()
    assert receipt.id == str(id)
    assert {name: value for name, value in call.items() if name not in ("ID", "LAST_UPDATED", "PROVIDER_ID")} == {
        "OWNER_TYPE_ID": "3",
        "OWNER_ID": ann.removeprefix("C_"),
        "TYPE_ID": "2",
        "COMMUNICATIONS": [
            {"VALUE": "+12125550123", "ENTITY_ID": ann.removeprefix("C_"), "ENTITY_TYPE_ID": "3"},
        ],
        "SUBJECT": "Incoming call +12125550123",
        "DESCRIPTION": "Where is\nmy parcel?\n\nComment: Friendly & short\n\nRecording: https://calls.example.com/1.mp3",
        "DESCRIPTION_TYPE": "1",
        "DIRECTION": "1",
        "RESPONSIBLE_ID": "9",
        "COMPLETED": "Y",
        "START_TIME": "2026-01-05T12:00:00+00:00",
        "END_TIME": "2026-01-05T12:01:01+00:00",
        "ORIGINATOR_ID": "cxsdk",
        "ORIGIN_ID": "e1",
    }


def test_a_missed_call_says_so_and_is_the_persons_agents(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    list(crm.log([entry(ann, state=CallState.MISSED)]))
    [call] = portal.activities.values()
    assert (call["SUBJECT"], call["RESPONSIBLE_ID"]) == ("Missed call +12125550123", "7")
    assert call["START_TIME"] == call["END_TIME"]


@pytest.mark.parametrize("way", list(Direction))
def test_a_letter_is_never_one_that_bitrix24_would_send(
    crm: Bitrix24, portal: FakeBitrix24, ann: str, way: Direction
) -> None:
    letter = {"kind": Kind.EMAIL, "subject": "A question", "text": "Hello", "counterpart": "ann@example.com"}
    list(crm.log([entry(ann, direction=way, **letter)]))
    [made] = portal.activities.values()
    assert (made["PROVIDER_ID"], made["COMPLETED"], made["ORIGIN_ID"]) == ("CRM_TODO", "Y", "e1")
    side = "from" if way is Direction.INBOUND else "to"
    assert made["SUBJECT"] == f"E-mail {side} ann@example.com: A question"


def test_a_message_and_a_note_are_done_and_tell_what_they_are(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    file = Attachment(name="photo.jpg", reference="https://files.example.com/1")
    review = entry(ann, "e1", kind=Kind.REVIEW, subject="Two stars", text="Slow", attachments=(file,))
    message = entry(ann, "e2", kind=Kind.MESSAGE, counterpart="", text="[b]1 < 2[/b] & so on")
    list(crm.log([review, message, entry(ann, "e3", counterpart="anonymous")]))
    told, plain, withheld = portal.activities.values()
    assert told["SUBJECT"] == "Review from +12125550123: Two stars"
    assert told["DESCRIPTION"] == "Slow\n\nAttachment: photo.jpg https://files.example.com/1"
    assert (plain["SUBJECT"], plain["DESCRIPTION"]) == ("Message", "[b]1 < 2[/b] & so on")
    assert withheld["SUBJECT"] == "Incoming call anonymous"
    assert all(each["COMPLETED"] == "Y" for each in (told, plain, withheld))


def test_what_becomes_known_later_changes_the_entry(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    [call] = crm.log([entry(ann)])
    [message] = crm.log([entry(ann, "e2", kind=Kind.MESSAGE, text="Hello")])
    later = entry(ann, entry_id=call.id, seconds=5, recording_url="https://calls.example.com/1.mp3", agent_id="9")
    more = entry(ann, "e2", kind=Kind.MESSAGE, entry_id=message.id, text="Hello again")
    assert [each.id for each in crm.log([later, more])] == [call.id, message.id]
    first, second = portal.activities.values()
    assert first["DESCRIPTION"] == "Recording: https://calls.example.com/1.mp3"
    assert (first["END_TIME"], first["RESPONSIBLE_ID"]) == ("2026-01-05T12:00:05+00:00", "9")
    assert (second["DESCRIPTION"], second["RESPONSIBLE_ID"]) == ("Hello again", "7")


def test_an_entry_that_somebody_deleted_is_refused(crm: Bitrix24, ann: str) -> None:
    [receipt] = crm.log([entry(ann, entry_id="4711")])
    assert (receipt.outcome, receipt.reason) == (Outcome.REJECTED, "Bitrix24: Activity is not found")


def test_a_long_text_is_cut_before_the_links_are(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    told = {"text": "long " * 12_000, "recording_url": "https://calls.example.com/1.mp3", "subject": "x" * 5_000}
    [receipt] = crm.log([entry(ann, **told)])
    [call] = portal.activities.values()
    assert receipt.is_done
    assert len(call["DESCRIPTION"]) == TEXT_LIMIT
    assert call["DESCRIPTION"].endswith("Recording: https://calls.example.com/1.mp3")


def test_a_customer_cannot_ask_for_what_other_commands_gave(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    list(crm.log([entry(ann, kind=Kind.MESSAGE, text="$result[e0][id] and $result[e0m]")]))
    [message] = portal.activities.values()
    assert message["DESCRIPTION"] == "$result [e0][id] and $result [e0m]"


def test_only_entries_of_people_who_are_gone_wait_for_them(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    receipts = list(crm.log([entry("C_999"), entry(ann, "e2"), entry("L_1", "e3"), entry("whoever", "e4")]))
    assert [each.outcome.value for each in receipts] == ["person_gone", "accepted", "person_gone", "person_gone"]
    assert [each["ORIGIN_ID"] for each in portal.activities.values()] == ["e2"]


def test_a_person_who_goes_in_between_is_gone_too(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    portal.refusing["crm.activity.todo.add"] = {"code": "OWNER_NOT_FOUND", "text": "Owner was not found"}
    [receipt] = crm.save_tasks([task(ann)])
    assert receipt.outcome is Outcome.PERSON_GONE


def test_all_of_a_batch_is_two_requests(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    entries = [entry(ann, f"e{n}", kind=Kind.MESSAGE, text=str(n)) for n in range(crm.batch_size)]
    assert all(each.is_done for each in crm.log(entries))
    assert [len(each.json["cmd"]) for each in portal.requests] == [1, 50]


def test_a_to_do_that_cannot_be_marked_is_not_made_twice(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    portal.refusing["crm.activity.update"] = {"code": "OPERATION_TIME_LIMIT", "text": "Method is blocked"}
    [receipt] = crm.save_tasks([task(ann)])
    assert receipt.is_done
    assert receipt.id == str(*portal.activities)


def test_a_command_at_its_limit_is_put_off_beside_others(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    portal.refusing["crm.activity.add"] = {"code": "OPERATION_TIME_LIMIT", "text": "Method is blocked"}
    receipts = list(crm.log([entry(ann), entry(ann, "e2", kind=Kind.MESSAGE, text="Hello")]))
    assert [each.outcome for each in receipts] == [Outcome.DEFERRED, Outcome.ACCEPTED]


def test_commands_that_are_all_at_their_limit_stop_the_account(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    portal.refusing["crm.activity.add"] = {"code": "OPERATION_TIME_LIMIT", "text": "Method is blocked"}
    with pytest.raises(RateLimited) as caught:
        list(crm.log([entry(ann), entry(ann, "e2")]))
    assert caught.value.retry_after == 60


def test_what_an_answer_does_not_tell_of_is_unknown(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    portal.refusing["crm.activity.add"] = {"code": "INTERNAL_SERVER_ERROR", "text": ""}
    [receipt] = crm.log([entry(ann)])
    assert receipt.outcome is Outcome.UNKNOWN


# -- tasks


def test_a_task_is_a_to_do_of_the_persons_agent(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    [receipt] = crm.save_tasks([task(ann, text="They asked for it.", urgent=True)])
    [(id, todo)] = portal.activities.items()
    assert receipt.id == str(id)
    assert {name: value for name, value in todo.items() if name not in ("ID", "LAST_UPDATED", "TYPE_ID")} == {
        "PROVIDER_ID": "CRM_TODO",
        "COMPLETED": "N",
        "OWNER_TYPE_ID": "3",
        "OWNER_ID": ann.removeprefix("C_"),
        "DEADLINE": "2026-01-05T13:00:00+00:00",
        "SUBJECT": "Call back",
        "DESCRIPTION": "They asked for it.",
        "RESPONSIBLE_ID": "7",
        "ORIGINATOR_ID": "cxsdk.task",
        "ORIGIN_ID": "t1",
        "PRIORITY": "3",
    }


def test_a_task_is_changed_and_done(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    [made] = crm.save_tasks([task(ann)])
    [changed] = crm.save_tasks([task(ann, task_id=made.id, title="Call back now", agent_id="9")])
    [todo] = portal.activities.values()
    assert (changed.id, todo["SUBJECT"], todo["RESPONSIBLE_ID"], todo["COMPLETED"]) == (
        made.id, "Call back now", "9", "N",
    )  # fmt: skip
    list(crm.save_tasks([task(ann, task_id=made.id, done=True)]))
    assert todo["COMPLETED"] == "Y"
    assert todo["RESPONSIBLE_ID"] == "9"


def test_what_an_agent_has_completed_stays_completed(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    [made] = crm.save_tasks([task(ann)])
    portal.complete(str(made.id))
    [changed] = crm.save_tasks([task(ann, task_id=made.id, title="Call back now")])
    [todo] = portal.activities.values()
    assert changed.is_done
    assert (todo["SUBJECT"], todo["COMPLETED"]) == ("Call back", "Y")


def test_a_task_that_cannot_be_completed_now_is_tried_again(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    [made] = crm.save_tasks([task(ann)])
    portal.refusing["crm.activity.update"] = {"code": "OPERATION_TIME_LIMIT", "text": "Method is blocked"}
    [done] = crm.save_tasks([task(ann, task_id=made.id, done=True)])
    assert done.outcome is Outcome.DEFERRED


def test_a_task_that_somebody_deleted_is_refused_and_its_person_is_there(
    crm: Bitrix24, portal: FakeBitrix24, ann: str
) -> None:
    [changed] = crm.save_tasks([task(ann, task_id="4711")])
    assert (changed.outcome, changed.reason) == (Outcome.REJECTED, "Bitrix24: NOT_FOUND Not found.")


# -- people


def test_a_stranger_is_a_lead_with_all_numbers_and_addresses(crm: Bitrix24, portal: FakeBitrix24) -> None:
    ways = (*ANN.identities, phone("+12125550124"), handle("telegram", "100001"))
    [receipt] = crm.create_people([ANN.model_copy(update={"identities": ways, "agent_id": "7", "source": "bot"})])
    [(id, lead)] = portal.held[1].items()
    assert receipt.id == f"L_{id}"
    held = [(each["typeId"], each["value"]) for each in lead["fm"]]
    assert held == [("EMAIL", "ann@example.com"), ("PHONE", "+12125550123"), ("PHONE", "+12125550124")]
    assert (lead["title"], lead["name"], lead["lastName"]) == ("Ann Sample", "Ann", "Sample")
    assert (lead["assignedById"], lead["originatorId"], lead["originId"]) == (7, "cxsdk", "p1")
    assert lead["comments"] == "telegram:100001\nFirst contact over bot"


def test_a_stranger_is_a_contact_where_there_are_no_leads(portal: FakeBitrix24) -> None:
    with opened(bitrix24(person_entity="contact", default_user="5")) as crm:
        [receipt] = crm.create_people([ANN.model_copy(update={"name": ""})])
        [(id, contact)] = portal.held[3].items()
        assert (receipt.id, contact["name"], contact["assignedById"]) == (f"C_{id}", "ann@example.com", 5)
        assert "title" not in contact
        assert list(crm.find_written(["p1", "p2"])) == [f"C_{id}", None]


def test_people_are_found_contacts_before_leads_and_the_oldest_first(
    crm: Bitrix24, portal: FakeBitrix24, ann: str
) -> None:
    portal.put(1, fm=reach(PHONE="+12125550123"))
    portal.put(3, fm=reach(PHONE="+12125550123"))
    lead = portal.put(1, fm=reach(EMAIL="ben@example.com"))
    company = portal.put(4, fm=reach(PHONE="+12125550199"))
    who = [
        ("+12125550123", ann),
        ("ben@example.com", f"L_{lead}"),
        ("+12125550199", f"CO_{company}"),
        ("+12125550100", None),
    ]
    asked = [Person(key=value, identities=(email(value) if "@" in value else phone(value),)) for value, _ in who]
    assert list(crm.find_people(asked)) == [id for _, id in who]
    assert len(portal.requests) == 1


def test_many_people_with_many_numbers_are_looked_for_in_full_batches(crm: Bitrix24, portal: FakeBitrix24) -> None:
    numbers = tuple(phone(f"+121255501{n:02d}") for n in range(45))
    asked = [Person(key=str(n), identities=numbers) for n in range(crm.batch_size)]
    assert list(crm.find_people(asked)) == [None] * 25
    assert [len(each.json["cmd"]) for each in portal.requests] == [50, 25]


def test_somebody_whom_bitrix24_cannot_know_is_not_asked_for(crm: Bitrix24, portal: FakeBitrix24) -> None:
    assert list(crm.find_people([Person(key="p", identities=(handle("telegram", "1"),))])) == [None]
    assert portal.requests == []


def test_a_search_that_is_not_allowed_blames_nobody(crm: Bitrix24, portal: FakeBitrix24) -> None:
    portal.refusing["crm.duplicate.findbycomm"] = {"code": "Access denied", "text": ""}
    with pytest.raises(Exception, match="rights") as caught:
        list(crm.find_people([ANN]))
    assert caught.value.code == "authentication_failed"  # type: ignore[attr-defined]


def test_agents_have_their_extensions(crm: Bitrix24, portal: FakeBitrix24) -> None:
    portal.users += [{"ID": str(n), "ACTIVE": n != 60, "NAME": "", "EMAIL": ""} for n in range(2, 61)]
    first, *_, last = crm.agents()
    assert (first.id, first.name, first.email, first.extension) == ("1", "Ann Sample", "agent@example.com", "101")
    assert (last.id, last.email, last.extension, last.active) == ("60", None, None, False)
    assert [each.path.rpartition("/")[2] for each in portal.requests] == ["user.get"] * 2


# -- once


def test_a_lost_answer_is_unknown_and_what_was_written_is_found(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    portal.forget("crm.activity.todo.add")
    with pytest.raises(OutcomeUnknown):
        list(crm.log([entry(ann, kind=Kind.MESSAGE)]))
    [made] = crm.save_tasks([task(ann)])
    [lead] = crm.create_people([ANN])
    [message, todo] = map(str, portal.activities)
    assert list(crm.find_written(["e1", "never", "t1", "p1"])) == [message, None, todo, lead.id]
    assert made.id == todo


def test_what_others_wrote_under_the_same_key_is_not_ours(portal: FakeBitrix24, ann: str) -> None:
    with opened(bitrix24(origin="other")) as theirs:
        list(theirs.log([entry(ann)]))
    with opened(bitrix24()) as ours:
        assert list(ours.find_written(["e1"])) == [None]


def test_the_clock_of_another_zone_is_the_same_moment(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    at = datetime(2026, 1, 5, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    result = send(crm, [entry(ann, at=at)])
    [call] = portal.activities.values()
    assert call["START_TIME"] == "2026-01-05T12:00:00+00:00"
    assert [request.url for request in result.requests] == ["**********batch"] * 2


# -- commands

_TEXT = st.text("ab $result[]&=?;+%#é🦔\n'\"", max_size=20)


@given(st.dictionaries(st.text("aZ@>=<_ +", min_size=1, max_size=8), st.lists(_TEXT, min_size=1) | _TEXT))
def test_what_is_written_as_php_does_is_read_as_php_does(params: dict[str, Any]) -> None:
    plain = {
        name: [each.replace("$result[", "$result [") for each in value]
        if isinstance(value, list)
        else value.replace("$result[", "$result [")
        for name, value in params.items()
    }
    assert decoded(encoded(params)) == plain


def test_references_are_written_as_they_are_and_nothing_is_left_out_but_none() -> None:
    written = encoded({"id": Reference.to("add", "id"), "none": None, "list": [{"a b": "c&d"}], "empty": ""})
    assert written == "id=$result[add][id]&list[0][a+b]=c%26d&empty="


def test_the_fake_refuses_the_fifty_first_command(portal: FakeBitrix24) -> None:
    answer = portal._batch({f"c{n}": "user.current" for n in range(51)}, "")
    assert list(answer.json["result"]["result_error"]) == ["c50"]
    assert Refused("a", "b").told == failure(400, "a", "b").json
