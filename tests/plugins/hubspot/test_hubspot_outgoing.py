"""What goes into HubSpot: people, entries of each kind, tasks; each once, on the right person."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import (
    Attachment,
    AuthenticationError,
    CallState,
    Direction,
    Kind,
    LogEntry,
    OutcomeUnknown,
    Person,
    PersonGone,
    Receipt,
    Rejected,
    Task,
    email,
    handle,
    phone,
)
from cxsdk.testing import NOW, Answer, opened, send
from cxsdk_hubspot import HubSpot
from cxsdk_hubspot.outgoing import TEXT_LIMIT, entry_properties, same_number
from tests.plugins.hubspot.conftest import hubspot
from tests.plugins.hubspot.fake import KEY, FakeHubSpot, failure

ANN = Person(key="p1", name="Ann Sample", identities=(email("ann@example.com"), phone("+12125550123")))


def entry(person: str, key: str = "e1", **fields: Any) -> LogEntry:
    common = {"kind": Kind.CALL, "direction": Direction.INBOUND, "at": NOW, "counterpart": "+12125550123"}
    return LogEntry(key=key, person_id=person, **common | fields)


def task(person: str, key: str = "t1", **fields: Any) -> Task:
    return Task(key=key, person_id=person, title="Call back", due=NOW + timedelta(hours=1), **fields)


@pytest.fixture
def ann(account: FakeHubSpot) -> str:
    return account.put("contacts", firstname="Ann", email="ann@example.com", hubspot_owner_id="77")


# -- entries


def test_a_call_is_a_call(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    told = {"recording_url": "https://calls.example.com/1.mp3", "comment": "Friendly & short", "agent_id": "41629779"}
    [receipt] = crm.log([entry(ann, seconds=61, state=CallState.ENDED, text="Where is\nmy parcel?", **told)])
    [(id, call)] = account.held["calls"].items()
    assert receipt.id == f"calls:{id}"
    assert account.linked["calls", id] == [ann]
    assert {name: value for name, value in call.items() if name != "hs_lastmodifieddate"} == {
        KEY: "e1",
        "hs_timestamp": "2026-01-05T12:00:00.000Z",
        "hs_call_title": "Incoming call +12125550123",
        "hs_call_body": "Where is<br>my parcel?<br><br>Comment: Friendly &amp; short",
        "hs_call_direction": "INBOUND",
        "hs_call_status": "COMPLETED",
        "hs_call_duration": "61000",
        "hs_call_from_number": "+12125550123",
        "hs_call_recording_url": "https://calls.example.com/1.mp3",
        "hubspot_owner_id": "41629779",
    }


def test_a_missed_call_is_one_that_nobody_answered(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    list(crm.log([entry(ann, state=CallState.MISSED)]))
    [call] = account.all_of("calls")
    assert (call["hs_call_status"], call["hs_call_title"]) == ("NO_ANSWER", "Missed call +12125550123")
    assert "hs_call_duration" not in call


def test_an_email_names_the_customers_side(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    letter = {"kind": Kind.EMAIL, "subject": "A question", "text": "<b>Hello</b>", "counterpart": "ann@example.com"}
    list(crm.log([entry(ann, "e1", **letter), entry(ann, "e2", **letter | {"direction": Direction.OUTBOUND})]))
    received, sent = account.all_of("emails")
    assert (received["hs_email_direction"], sent["hs_email_direction"]) == ("INCOMING_EMAIL", "EMAIL")
    assert received["hs_email_text"] == "<b>Hello</b>"
    assert json.loads(received["hs_email_headers"]) == {"from": {"email": "ann@example.com"}}
    assert json.loads(sent["hs_email_headers"]) == {"to": [{"email": "ann@example.com"}]}


@pytest.mark.parametrize(
    ("fields", "kind", "channel"),
    [
        ({"account": "sms"}, "communications", "SMS"),
        ({"account": "wa"}, "communications", "WHATS_APP"),
        ({"account": "telegram", "counterpart": "100001"}, "notes", None),
        ({"kind": Kind.SURVEY}, "notes", None),
        ({"kind": Kind.NOTE, "counterpart": ""}, "notes", None),
    ],
)
def test_a_message_is_logged_where_hubspot_has_a_place_for_it(
    account: FakeHubSpot, ann: str, fields: dict[str, Any], kind: str, channel: str | None
) -> None:
    with opened(hubspot(messengers={"wa": "WHATS_APP"})) as crm:
        list(crm.log([entry(ann, **{"kind": Kind.MESSAGE, "text": "1 < 2"} | fields)]))
    [made] = account.all_of(kind)
    assert made.get("hs_communication_channel_type") == channel
    assert "1 &lt; 2" in made.get("hs_communication_body", "") + made.get("hs_note_body", "")


def test_a_note_tells_what_it_is(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    file = Attachment(name="photo.jpg", reference="https://files.example.com/1")
    list(crm.log([entry(ann, kind=Kind.REVIEW, subject="Two stars", text="Slow", attachments=(file,))]))
    [note] = account.all_of("notes")
    assert note["hs_note_body"].split("<br><br>") == [
        "Review from +12125550123 Two stars",
        "Slow",
        "Attachment: photo.jpg https://files.example.com/1",
    ]


def test_entries_of_several_kinds_give_receipts_in_their_order(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    kinds = [Kind.CALL, Kind.EMAIL, Kind.CALL, Kind.NOTE, Kind.EMAIL]
    receipts, requests = send(crm, [entry(ann, f"e{n}", kind=kind) for n, kind in enumerate(kinds)])
    keys = {f"{kind}:{id}": one[KEY] for kind, all in account.held.items() for id, one in all.items() if KEY in one}
    assert [keys[str(receipt.id)] for receipt in receipts] == ["e0", "e1", "e2", "e3", "e4"]
    assert len([one for one in requests if one.method == "POST"]) == 6


def test_an_entry_stays_of_its_kind(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    [made] = crm.log([entry(ann, kind=Kind.NOTE, text="First")])
    [again] = crm.log([entry(ann, kind=Kind.EMAIL, text="More", entry_id=made.id, revision=2)])
    assert again.id == made.id
    assert "More" in account.all_of("notes")[0]["hs_note_body"]
    assert not account.all_of("emails")


@given(text=st.text(max_size=200), comment=st.text(max_size=200), times=st.sampled_from([1, 1_000]))
def test_no_text_is_too_long_and_the_comment_stays(text: str, comment: str, times: int) -> None:
    made = entry_properties("notes", entry("1", kind=Kind.NOTE, text=text * times, comment=comment), {})
    assert len(made["hs_note_body"]) <= TEXT_LIMIT
    assert not comment or "Comment: " in made["hs_note_body"]


def test_a_long_text_is_cut_before_the_comment_is(ann: str) -> None:
    made = entry_properties("notes", entry(ann, kind=Kind.NOTE, text="x" * 70_000, comment="Friendly"), {})
    assert len(made["hs_note_body"]) == TEXT_LIMIT
    assert made["hs_note_body"].endswith("x<br><br>Comment: Friendly")


# -- each by itself, and once


def test_a_contact_that_is_gone_refuses_its_own_entry(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    first, second = crm.log([entry("404", "e1"), entry(ann, "e2")])
    assert first == Receipt.person_gone("contact 404 was not found")
    assert second.is_done


def test_a_contact_that_is_gone_may_be_told_by_the_whole_answer(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    crm.setup()
    for entries, error in ([entry(ann)], PersonGone), ([entry(ann), entry(ann, "e2")], Rejected):
        made = [{"id": each.key, "properties": {KEY: each.key}} for each in entries]
        account.play(Answer(200, {"status": "COMPLETE", "results": made}))
        account.play(failure(404, "OBJECT_NOT_FOUND", "resource not found"))
        with pytest.raises(Rejected) as caught:
            list(crm.log(entries))
        assert type(caught.value) is error


def test_the_same_again_is_the_same_record(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    [first], [second] = ([*crm.log([entry(ann)])] for _ in range(2))
    assert first == second
    assert len(account.all_of("calls")) == 1


@pytest.mark.parametrize(
    ("category", "outcome"),
    [("VALIDATION_ERROR", "rejected"), ("CONFLICT", "rejected"), ("INTERNAL_ERROR", "deferred")],
)
def test_an_error_of_one_record_is_told_of_it_alone(
    crm: HubSpot, account: FakeHubSpot, ann: str, category: str, outcome: str
) -> None:
    context = {"objectWriteTraceId": ["t2"]}
    crm.setup()
    done = {"id": "9", "properties": {KEY: "t1"}}
    error = {"status": "error", "category": category, "message": "It is not valid", "context": context}
    account.play(Answer(200, {"status": "COMPLETE", "results": []}))  # the owners
    account.play(Answer(207, {"status": "COMPLETE", "results": [done], "errors": [error], "numErrors": 1}))
    first, second, third = crm.save_tasks([task(ann, "t1"), task(ann, "t2"), task(ann, "t3")])
    assert first == Receipt.accepted("9")
    assert (second.outcome.value, third.outcome.value) == (outcome, "unknown")


def test_an_error_that_names_no_record_lets_each_be_sent_by_itself(
    crm: HubSpot, account: FakeHubSpot, ann: str
) -> None:
    crm.setup()
    error = {"status": "error", "category": "VALIDATION_ERROR", "message": "Something is wrong"}
    answer = Answer(207, {"status": "COMPLETE", "results": [], "errors": [error]})
    account.play(answer, 2)
    with pytest.raises(Rejected, match="Something is wrong"):
        list(crm.log([entry(ann, "e1"), entry(ann, "e2")]))
    [alone] = crm.log([entry(ann, "e1")])
    assert alone == Receipt.rejected("Something is wrong")


def test_a_record_of_which_the_answer_tells_nothing_is_unknown(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    crm.setup()
    account.play(Answer(200, {"status": "COMPLETE", "results": []}))
    [receipt] = crm.log([entry(ann)])
    assert receipt.outcome.value == "unknown"


def test_a_batch_that_is_refused_is_refused_as_a_whole(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    crm.setup()
    account.play(failure(400, "VALIDATION_ERROR", "Property values were not valid"))
    with pytest.raises(Rejected, match="were not valid"):
        list(crm.log([entry(ann, "e1"), entry(ann, "e2")]))


def test_an_answer_that_is_no_object_leaves_the_outcome_open(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    crm.setup()
    account.play(Answer(200, []))
    with pytest.raises(OutcomeUnknown):
        list(crm.log([entry(ann)]))


# -- the property for our key


def test_the_property_is_made_where_it_is_missing(crm: HubSpot, account: FakeHubSpot) -> None:
    account.unique.clear()
    crm.setup()
    assert account.unique == dict.fromkeys(["contacts", "calls", "emails", "communications", "notes", "tasks"], True)
    before = len(account.requests)
    crm.setup()
    assert len(account.requests) == before


def test_the_first_write_makes_the_property(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    account.unique.clear()
    [receipt] = crm.log([entry(ann)])
    assert receipt.is_done
    [made] = [one.json for one in account.requests if one.path == "/crm/v3/properties/calls" and one.method == "POST"]
    assert (made["name"], made["type"], made["fieldType"], made["hasUniqueValue"]) == (KEY, "string", "text", True)


def test_another_process_may_make_the_property_first(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    account.play(failure(404, "OBJECT_NOT_FOUND", "Property does not exist"))
    [receipt] = crm.log([entry(ann)])
    assert receipt.is_done


def test_a_property_that_is_not_unique_stops_the_account(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    account.unique["calls"] = False
    with pytest.raises(AuthenticationError) as caught:
        list(crm.log([entry(ann)]))
    assert caught.value.code == "hubspot_property_unusable"
    assert not account.all_of("calls")


# -- people


def test_a_stranger_becomes_a_lead(crm: HubSpot, account: FakeHubSpot) -> None:
    more = (*ANN.identities, phone("+12125550124"), handle("telegram", 100001))
    [receipt] = crm.create_people([ANN.model_copy(update={"identities": more, "agent_id": "41629779"})])
    [(id, lead)] = account.held["contacts"].items()
    assert receipt.id == id
    assert {name: lead[name] for name in ("firstname", "lastname", "email", "phone", "mobilephone")} == {
        "firstname": "Ann",
        "lastname": "Sample",
        "email": "ann@example.com",
        "phone": "+12125550123",
        "mobilephone": "+12125550124",
    }
    assert (lead["lifecyclestage"], lead["hubspot_owner_id"]) == ("lead", "41629779")


def test_somebody_without_a_name_is_called_by_what_is_known(crm: HubSpot, account: FakeHubSpot) -> None:
    list(crm.create_people([Person(key="p2", identities=(handle("telegram", 100001),))]))
    assert account.all_of("contacts")[0]["lastname"] == "100001"


@pytest.mark.parametrize("whole", [False, True])
def test_a_contact_with_the_same_address_is_that_person(
    crm: HubSpot, account: FakeHubSpot, ann: str, *, whole: bool
) -> None:
    crm.setup()
    if whole:
        account.play(failure(409, "CONFLICT", f"Contact already exists. Existing ID: {ann}"))
    assert list(crm.create_people([ANN])) == [Receipt.duplicate(ann)]


def test_a_conflict_of_a_batch_lets_each_be_sent_by_itself(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    crm.setup()
    account.play(failure(409, "CONFLICT", f"Contact already exists. Existing ID: {ann}"))
    with pytest.raises(Rejected):
        list(crm.create_people([ANN, Person(key="p2", name="Bob")]))


@pytest.mark.parametrize(
    "written", ["+1 212-555-0123", "(212) 555-0123", "+1 (212) 555 01 23", "2125550123", "+12125550123"]
)
@pytest.mark.parametrize("place", ["phone", "mobilephone"])
def test_people_are_found_by_their_number_however_it_is_written(
    crm: HubSpot, account: FakeHubSpot, written: str, place: str
) -> None:
    id = account.put("contacts", **{place: written})
    assert list(crm.find_people([Person(key="q", identities=(phone("+12125550123"),))])) == [id]


def test_the_same_digits_in_another_country_are_somebody_else(crm: HubSpot, account: FakeHubSpot) -> None:
    account.put("contacts", phone="+44 2125550123", hs_searchable_calculated_phone_number="2125550123")
    assert list(crm.find_people([Person(key="q", identities=(phone("+12125550123"),))])) == [None]


def test_people_are_found_by_a_second_address_that_hubspot_tells(crm: HubSpot, account: FakeHubSpot) -> None:
    found = {
        "id": "7",
        "properties": {"email": "a@example.com", "hs_additional_emails": "Ann@example.com;x@example.com"},
    }
    account.play(Answer(200, {"status": "COMPLETE", "results": [found]}))
    assert list(crm.find_people([Person(key="q", identities=(email("ann@example.com"),))])) == ["7"]


def test_of_several_the_oldest_is_taken(crm: HubSpot, account: FakeHubSpot) -> None:
    for id in ("1000", "9", "200"):
        account.put("contacts", id=id, phone="+12125550123")
    assert list(crm.find_people([Person(key="q", identities=(phone("+12125550123"),))])) == ["9"]


def test_a_hundred_people_are_asked_for_in_a_few_requests(crm: HubSpot, account: FakeHubSpot) -> None:
    id = account.put("contacts", phone="+12125550199")
    who = [Person(key=f"q{n}", identities=(email(f"a{n}@example.com"), phone(f"+121255501{n:02}"))) for n in range(100)]
    assert list(crm.find_people(who)) == [None] * 99 + [id]
    assert len(account.requests) == 3


def test_people_whom_hubspot_cannot_know_cost_no_request(crm: HubSpot, account: FakeHubSpot) -> None:
    assert list(crm.find_people([Person(key="q", identities=(handle("telegram", 100001),))])) == [None]
    assert account.requests == []


@pytest.mark.parametrize(
    ("written", "region", "same"),
    [
        ("0441234567", "UA", True),
        ("044 123-45-67", None, True),
        ("1234567", None, True),
        ("34567", None, False),
        ("", None, False),
        ("044 123-45-67", "US", False),
        ("+380441234567 ext. 12", None, True),
    ],
)
def test_a_number_without_a_country_code_is_of_the_region(written: str, region: str | None, same: bool) -> None:
    assert same_number(written, "+380441234567", region) is same


# -- tasks


def test_a_task_is_for_whoever_is_responsible(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    [receipt] = crm.save_tasks([task(ann, text="Soon,\nplease", urgent=True)])
    [made] = account.all_of("tasks")
    assert account.linked["tasks", str(receipt.id)] == [ann]
    assert {name: made[name] for name in made if name not in ("hs_lastmodifieddate", KEY)} == {
        "hs_timestamp": "2026-01-05T13:00:00.000Z",
        "hs_task_subject": "Call back",
        "hs_task_body": "Soon,<br>please",
        "hs_task_status": "NOT_STARTED",
        "hs_task_type": "TODO",
        "hs_task_priority": "HIGH",
        "hubspot_owner_id": "77",
    }


def test_where_nobody_is_responsible_the_default_owner_is(account: FakeHubSpot) -> None:
    bob = account.put("contacts", firstname="Bob")
    with opened(hubspot(default_owner="41629779")) as crm:
        list(crm.save_tasks([task(bob, "t1"), task(bob, "t2", agent_id="78")]))
    assert [made["hubspot_owner_id"] for made in account.all_of("tasks")] == ["41629779", "78"]


def test_a_later_change_leaves_what_agents_made_of_it(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    [receipt] = crm.save_tasks([task(ann)])
    account.change("tasks", str(receipt.id), hs_task_status="IN_PROGRESS", hubspot_owner_id="78")
    list(crm.save_tasks([task(ann, task_id=receipt.id, urgent=True)]))
    [made] = account.all_of("tasks")
    assert (made["hs_task_status"], made["hubspot_owner_id"], made["hs_task_priority"]) == ("IN_PROGRESS", "78", "HIGH")
    list(crm.save_tasks([task(ann, task_id=receipt.id, done=True)]))
    assert made["hs_task_status"] == "COMPLETED"


def test_a_moment_is_written_in_utc(crm: HubSpot, account: FakeHubSpot, ann: str) -> None:
    list(crm.log([entry(ann, at=datetime(2026, 1, 5, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))))]))
    assert account.all_of("calls")[0]["hs_timestamp"] == "2026-01-05T12:00:00.000Z"


# -- agents


def test_agents_are_the_owners_of_all_pages(crm: HubSpot, account: FakeHubSpot) -> None:
    account.owners += [{"id": str(n), "email": f"agent{n}@example.com"} for n in range(150)]
    agents = list(crm.agents())
    assert len(agents) == 151
    assert (agents[0].id, agents[0].name, agents[0].email) == ("41629779", "Ann Sample", "agent@example.com")
