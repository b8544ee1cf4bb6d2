"""People, contacts and tasks at amoCRM: what is written, in which requests, and what becomes of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from cxsdk import (
    Attachment,
    AuthenticationError,
    CallState,
    ConfigurationError,
    Direction,
    Identity,
    Kind,
    LogEntry,
    OutcomeUnknown,
    Person,
    RateLimited,
    Receipt,
    Rejected,
    Secret,
    Task,
    email,
    phone,
)
from cxsdk.testing import NOW, Answer, opened
from cxsdk_amocrm import AmoCRM
from tests.plugins.amocrm.conftest import amocrm
from tests.plugins.amocrm.fake import LIMITED, SECRET, FakeAmoCRM, invalid, problem

ANN = Person(key="p1", name="Ann Sample", identities=(phone("+12125550123"), email("ann@example.com")), source="pbx")
BOB = Person(key="p2", identities=(email("bob@example.com"),), source="support")


def entry(key: str, person: str, **fields: Any) -> LogEntry:
    usual = {"kind": Kind.EMAIL, "direction": Direction.INBOUND, "at": NOW, "account": "support"}
    return LogEntry(**{"key": key, "person_id": person, **usual, **fields})


def call(key: str, person: str, **fields: Any) -> LogEntry:
    usual = {"kind": Kind.CALL, "counterpart": "+12125550123", "state": CallState.ENDED, "seconds": 61}
    return entry(key, person, **{**usual, "account": "pbx", **fields})


def task(key: str, person: str, **fields: Any) -> Task:
    return Task(**{"key": key, "person_id": person, "title": "Call back", "due": NOW + timedelta(hours=1), **fields})


def outcomes(receipts: Sequence[Receipt]) -> list[str]:
    return [receipt.outcome.value for receipt in receipts]


# -- people


def test_a_caller_becomes_a_contact_and_an_incoming_call(crm: AmoCRM, account: FakeAmoCRM) -> None:
    [receipt] = crm.create_people([ANN.model_copy(update={"agent_id": "7654321"})])
    [contact], [lead] = account.all_of("contacts"), account.all_of("unsorted")
    assert receipt == Receipt.accepted(contact["id"])
    assert (contact["name"], contact["responsible_user_id"]) == ("Ann Sample", 7654321)
    assert contact["custom_fields_values"] == [
        {"field_code": "PHONE", "values": [{"value": "+12125550123", "enum_code": "WORK"}]},
        {"field_code": "EMAIL", "values": [{"value": "ann@example.com", "enum_code": "WORK"}]},
        {"field_code": "CXSDK_KEY", "values": [{"value": "p1"}]},
    ]
    assert (lead["category"], lead["source_uid"], lead["source_name"]) == ("sip", "p1", "pbx")
    assert lead["_embedded"] == {"leads": [{"name": "Ann Sample"}], "contacts": [{"id": contact["id"]}]}
    assert lead["metadata"]["phone"] == lead["metadata"]["from"] == "+12125550123"
    assert lead["metadata"]["is_call_event_needed"] is False


def test_somebody_who_wrote_becomes_an_incoming_form(crm: AmoCRM, account: FakeAmoCRM) -> None:
    list(crm.create_people([BOB]))
    [lead] = account.all_of("unsorted")
    assert (lead["category"], lead["metadata"]["form_name"]) == ("forms", "support")
    assert account.all_of("contacts")[0]["name"] == "bob@example.com"


def test_strangers_of_both_kinds_cost_three_requests(crm: AmoCRM, account: FakeAmoCRM) -> None:
    crm.setup()
    before = len(account.requests)
    receipts = list(crm.create_people([ANN, BOB]))
    assert outcomes(receipts) == ["accepted"] * 2
    assert account.asked()[before:] == ["POST contacts", "POST leads/unsorted/sip", "POST leads/unsorted/forms"]


def test_a_lead_and_its_contact_are_made_at_once(account: FakeAmoCRM) -> None:
    with opened(amocrm(strangers="lead", pipeline=7)) as crm:
        receipts = list(crm.create_people([ANN, BOB]))
    leads, contacts = account.all_of("leads"), account.all_of("contacts")
    assert [receipt.id for receipt in receipts] == [str(contact["id"]) for contact in contacts]
    assert [(lead["name"], lead["pipeline_id"]) for lead in leads] == [("Ann Sample", 7), ("bob@example.com", 7)]
    assert account.asked()[-1] == "POST leads/complex"
    assert not account.all_of("unsorted")


def test_strangers_may_be_contacts_alone(account: FakeAmoCRM) -> None:
    with opened(amocrm(strangers="contact", default_user="222")) as crm:
        list(crm.create_people([ANN]))
    assert account.all_of("contacts")[0]["responsible_user_id"] == 222
    assert not account.all_of("unsorted")
    assert not account.all_of("leads")


def test_who_withholds_their_number_is_no_incoming_lead(crm: AmoCRM, account: FakeAmoCRM) -> None:
    [receipt] = crm.create_people([Person(key="p3", name="Unknown caller")])
    assert receipt.is_done
    assert not account.all_of("unsorted")


def test_a_contact_stays_where_its_incoming_lead_is_refused(crm: AmoCRM, account: FakeAmoCRM) -> None:
    crm.setup()
    account.play(Answer(json={"_embedded": {"contacts": [{"id": 5, "request_id": "p1"}]}}))
    account.play(invalid("p1", "pipeline_id"))
    assert list(crm.create_people([ANN])) == [Receipt.accepted(5)]


def test_a_limit_between_contact_and_lead_makes_no_second_contact(crm: AmoCRM, account: FakeAmoCRM) -> None:
    crm.setup()
    account.play(Answer(json={"_embedded": {"contacts": [{"id": 5, "request_id": "p1"}]}}))
    account.play(LIMITED, times=3)
    receipts: list[Receipt] = []
    with pytest.raises(RateLimited):
        receipts.extend(crm.create_people([ANN]))
    assert outcomes(receipts) == ["unknown"]  # so that it is looked up by its key


def test_people_are_found_by_number_however_it_is_written(crm: AmoCRM, account: FakeAmoCRM) -> None:
    other = account.contact(phones=["+44 212 555 0123"])  # ends alike
    ann = account.contact(phones=["+1 (212) 555-0123"])
    account.contact(phones=["2125550123"])
    assert list(crm.find_people([ANN])) == [ann]
    assert other != ann
    assert account.requests[-1].query["query"] == ["2125550123"]


def test_a_number_without_a_country_is_read_as_the_regions(account: FakeAmoCRM) -> None:
    account.contact(phones=["0212 555 01 23"])
    with opened(amocrm(region="TR")) as crm:
        assert list(crm.find_people([ANN])) == [None]


def test_people_are_found_by_address_whatever_its_case(crm: AmoCRM, account: FakeAmoCRM) -> None:
    account.contact(emails=["joann@example.com.example.org"])
    ann = account.contact(emails=["ann@example.com"])
    nobody = Person(key="p9", identities=(Identity(kind="telegram", value="1"),))
    assert list(crm.find_people([nobody, ANN])) == [None, ann]


class Watch:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_many_looks_are_spread_over_seconds(crm: AmoCRM, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    began: list[float] = []

    def search(*_: object) -> list[dict[str, Any]]:
        began.append(watch.now)
        return []

    monkeypatch.setattr("cxsdk_amocrm.searching.time", watch)
    monkeypatch.setattr("cxsdk_amocrm.client.Api.search", search)
    strangers = [Person(key=f"p{number}", identities=(email(f"p{number}@example.com"),)) for number in range(50)]
    assert list(crm.find_people(strangers)) == [None] * 50
    assert max(sum(start <= other < start + 1 for other in began) for start in began) <= 7
    assert began[:3] == [0.0] * 3
    assert began[-1] < crm.deadline_s / 2


# -- calls


def test_a_call_goes_to_the_card_that_has_its_number(crm: AmoCRM, account: FakeAmoCRM) -> None:
    ann = account.contact(phones=["+1 212 555 0123"])
    lead = account.put("leads", _embedded={"contacts": [{"id": int(ann)}]})
    talk = call(
        "e1", ann, agent_id="7654321", comment="Friendly", recording_url="https://calls.example.com/1.mp3"
    )  # fmt: skip
    [receipt] = crm.log([talk])
    [note] = account.notes_of("leads")
    assert receipt.id == f"leads:{lead}:{note['id']}"
    assert note["note_type"] == "call_in"
    assert note["params"] == {
        "uniq": "e1", "duration": 61, "source": "pbx", "phone": "+12125550123", "call_status": 4,
        "link": "https://calls.example.com/1.mp3", "call_result": "Comment: Friendly", "call_responsible": 7654321,
        "created_at": 1767614400, "created_by": 7654321,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "status"), [({"state": CallState.MISSED, "seconds": None}, 6), ({"state": None, "seconds": None}, None)]
)
def test_how_a_call_ended_is_told(crm: AmoCRM, account: FakeAmoCRM, fields: dict[str, Any], status: int | None) -> None:
    ann = account.contact(phones=["+12125550123"])
    list(crm.log([call("e1", ann, direction=Direction.OUTBOUND, **fields)]))
    [note] = account.notes_of()
    assert (note["note_type"], note["params"]["duration"]) == ("call_out", 0)
    assert note["params"].get("call_status") == status


def test_a_call_whose_number_no_card_has_goes_to_its_persons(crm: AmoCRM, account: FakeAmoCRM) -> None:
    ann, bob = account.contact(phones=["+12125550123"]), account.contact(emails=["bob@example.com"])
    calls = [call("e1", bob, counterpart="+12125550199"), call("e2", ann)]
    receipts = list(crm.log(calls))
    assert [account.records()[str(receipt.id)]["params"]["uniq"] for receipt in receipts] == ["e1", "e2"]
    assert [str(receipt.id).split(":")[1] for receipt in receipts] == [bob, ann]
    assert account.asked() == ["POST calls", "POST contacts/notes"]


def test_calls_alone_without_a_card_are_there_all_the_same(crm: AmoCRM, account: FakeAmoCRM) -> None:
    bob = account.contact()
    assert outcomes(list(crm.log([call("e1", bob)]))) == ["accepted"]
    assert account.notes_of()[0]["note_type"] == "call_in"


def test_a_call_without_a_number_goes_to_its_persons_card(crm: AmoCRM, account: FakeAmoCRM) -> None:
    bob = account.contact()
    list(crm.log([call("e1", bob, counterpart="", state=CallState.MISSED)]))
    assert account.asked() == ["POST contacts/notes"]
    assert account.notes_of()[0]["params"] == {"text": "Missed call\n[cx e1]"}  # a call note needs a number


def test_what_becomes_known_later_changes_the_call(crm: AmoCRM, account: FakeAmoCRM) -> None:
    ann = account.contact(phones=["+12125550123"])
    account.put("leads", _embedded={"contacts": [{"id": int(ann)}]})
    [first] = crm.log([call("e1", ann)])
    later = call("e1", ann, entry_id=first.id, revision=2, comment="Wants a refund")
    assert list(crm.log([later])) == [Receipt.accepted(first.id)]
    [note] = account.notes_of("leads")
    assert note["params"]["call_result"] == "Comment: Wants a refund"


# -- other entries


def test_a_letter_is_a_note_with_all_of_it(crm: AmoCRM, account: FakeAmoCRM) -> None:
    ann = account.contact()
    file = Attachment(name="photo.jpg", content_type="image/jpeg", size=9, reference="https://files.example.com/1")
    fields = {"subject": "A question", "text": "Where is it?", "counterpart": "ann@example.com", "attachments": (file,)}
    [receipt] = crm.log([entry("e1", ann, **fields)])
    [note] = account.notes_of()
    assert receipt.id == f"contacts:{ann}:{note['id']}"
    assert (note["note_type"], note["created_at"]) == ("common", 1767614400)
    assert note["params"]["text"] == (
        "Email from ann@example.com: A question\n\nWhere is it?\n\nAttachment: photo.jpg https://files.example.com/1"
        "\n[cx e1]"
    )


@pytest.mark.parametrize(("direction", "type"), [(Direction.INBOUND, "sms_in"), (Direction.OUTBOUND, "sms_out")])
def test_a_message_to_a_number_is_an_sms(
    crm: AmoCRM, account: FakeAmoCRM, direction: Direction, type: str
) -> None:  # fmt: skip
    ann = account.contact()
    list(crm.log([entry("e1", ann, kind=Kind.MESSAGE, direction=direction, counterpart="+12125550123", text="Hi")]))
    [note] = account.notes_of()
    assert (note["note_type"], note["params"]) == (type, {"text": "Hi\n[cx e1]", "phone": "+12125550123"})


def test_a_long_text_is_cut_and_the_rest_stays(crm: AmoCRM, account: FakeAmoCRM) -> None:
    ann = account.contact()
    list(crm.log([entry("e1", ann, text="long " * 10_000, comment="Friendly")]))
    text = account.notes_of()[0]["params"]["text"]
    assert len(text) == 20_000
    assert text.endswith("\n\nComment: Friendly\n[cx e1]")


def test_one_refused_record_leaves_the_others(crm: AmoCRM, account: FakeAmoCRM) -> None:
    ann = account.contact()
    account.refuse("unlucky")
    receipts = list(crm.log([entry("e1", ann, text="a"), entry("e2", ann, text="unlucky"), entry("e3", ann, text="c")]))
    assert outcomes(receipts) == ["accepted", "rejected", "accepted"]
    assert "NotSupportedChoice" in receipts[1].reason
    assert len(account.notes_of()) == 2


def test_a_refusal_that_names_nobody_lets_each_be_sent_alone(crm: AmoCRM, account: FakeAmoCRM) -> None:
    ann = account.contact()
    account.play(problem(400, "Bad Request", "Something is wrong"))
    with pytest.raises(Rejected, match="Something is wrong"):
        list(crm.log([entry("e1", ann), entry("e2", ann)]))


def test_a_contact_that_is_gone_is_told_apart(crm: AmoCRM, account: FakeAmoCRM) -> None:
    ann = account.contact()
    receipts = list(crm.log([entry("e1", "999999"), entry("e2", ann), entry("e3", "Lead:abc")]))
    assert outcomes(receipts) == ["person_gone", "accepted", "person_gone"]
    tasks = [task("t1", "999999"), task("t2", "Lead:abc"), task("t3", ann)]
    assert outcomes(list(crm.save_tasks(tasks))) == ["person_gone", "person_gone", "accepted"]
    assert account.requests[-4].query["filter[id][]"] == [ann, "999999"]


def test_a_refusal_that_cannot_be_looked_into_loses_no_receipt(crm: AmoCRM, account: FakeAmoCRM) -> None:
    ann = account.contact()
    account.play(invalid("e1", "entity_id"))
    account.play(Answer(json={"_embedded": {"notes": [{"id": 88, "entity_id": int(ann), "request_id": "e2"}]}}))
    account.play(LIMITED, times=3)
    receipts = list(crm.log([entry("e1", "999999"), entry("e2", ann)]))
    assert outcomes(receipts) == ["deferred", "accepted"]


def test_what_is_there_is_not_sent_again_with_what_is_not(crm: AmoCRM, account: FakeAmoCRM) -> None:
    ann = account.contact(phones=["+12125550123"])
    made = {"id": 77, "entity_id": int(ann), "entity_type": "contact", "request_id": "e2"}
    account.play(Answer(json={"_embedded": {"calls": [made]}, "errors": []}))
    account.play(LIMITED, times=3)
    receipts: list[Receipt] = []
    with pytest.raises(RateLimited):
        receipts.extend(crm.log([entry("e1", ann), call("e2", ann)]))
    assert outcomes(receipts) == ["deferred", "accepted"]
    assert receipts[1].id == f"contacts:{ann}:77"


def test_a_call_of_which_the_answer_tells_nothing_is_unknown(crm: AmoCRM, account: FakeAmoCRM) -> None:
    account.play(Answer(json={"_embedded": {"calls": []}}))
    assert outcomes(list(crm.log([call("e1", account.contact())]))) == ["unknown"]


def test_an_answer_that_is_no_object_is_unknown(crm: AmoCRM, account: FakeAmoCRM) -> None:
    account.play(Answer(json="ok"))
    with pytest.raises(OutcomeUnknown):
        list(crm.log([entry("e1", account.contact())]))


# -- tasks


def test_a_task_is_for_whoever_is_responsible_for_its_person(crm: AmoCRM, account: FakeAmoCRM) -> None:
    ann, bob = account.contact(responsible_user_id=222), account.contact(responsible_user_id=333)
    tasks = [task("t1", ann, text="They called."), task("t2", bob, agent_id="7654321", urgent=True)]
    receipts = list(crm.save_tasks(tasks))
    first, second = account.all_of("tasks")
    assert [receipt.id for receipt in receipts] == [str(first["id"]), str(second["id"])]
    assert (first["responsible_user_id"], second["responsible_user_id"]) == (222, 7654321)
    assert first["text"] == "Call back\n\nThey called.\n[cx t1]"
    assert second["text"] == "Urgent: Call back\n[cx t2]"
    assert (first["complete_till"], first["task_type_id"]) == (1767618000, 1)
    assert (first["entity_id"], first["entity_type"]) == (int(ann), "contacts")


def test_a_task_is_changed_and_completed(crm: AmoCRM, account: FakeAmoCRM) -> None:
    ann = account.contact()
    [first] = crm.save_tasks([task("t1", ann)])
    receipts = list(crm.save_tasks([task("t2", ann), task("t1", ann, task_id=first.id, done=True)]))
    done, new = account.all_of("tasks")
    assert [receipt.id for receipt in receipts] == [str(new["id"]), str(done["id"])]
    assert done["is_completed"] is True
    assert "is_completed" not in new
    assert done["responsible_user_id"] == 111  # as it was


def test_a_task_that_is_gone_is_refused(crm: AmoCRM, account: FakeAmoCRM) -> None:
    [receipt] = crm.save_tasks([task("t1", account.contact(), task_id="4711")])
    assert receipt.outcome == "rejected"


# -- once


def test_what_was_written_is_found_by_its_key(crm: AmoCRM, account: FakeAmoCRM) -> None:
    ann = account.contact(phones=["+12125550123"])
    account.put("leads", _embedded={"contacts": [{"id": int(ann)}]})
    written = [
        *crm.create_people([BOB]),
        *crm.log([call("e1", ann), entry("e2", ann)]),
        *crm.save_tasks([task("t1", ann)]),
    ]
    found = list(crm.find_written(["p2", "e1", "e2", "t1", "never"]))
    assert found == [*(receipt.id for receipt in written), None]


def test_the_latest_are_looked_through_first(crm: AmoCRM, account: FakeAmoCRM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxsdk_amocrm.client.PAGE", 2)
    tasks = [account.put("tasks", text=f"Call\n[cx t{number}]") for number in range(12)]
    assert list(crm.find_written(["t11", "t4", "t3"])) == [tasks[11], tasks[4], None]  # four pages, no more


def test_who_merely_mentions_a_key_is_not_found_by_it(crm: AmoCRM, account: FakeAmoCRM) -> None:
    account.contact(name="p2 of the list")
    ann = account.contact()
    list(crm.log([entry("e1", ann, text="see [cx e9] there")]))
    assert list(crm.find_written(["p2", "e9"])) == [None, None]


def test_an_account_without_buyers_is_looked_through_all_the_same(crm: AmoCRM, account: FakeAmoCRM) -> None:
    account.play(Answer(204))  # tasks
    account.play(Answer(204), times=3)  # notes of contacts, leads, companies
    account.play(problem(402, "Payment Required", "Customers are not enabled"))
    assert list(crm.find_written(["never"])) == [None]


def test_notes_that_cannot_be_read_are_not_taken_for_none(crm: AmoCRM, account: FakeAmoCRM) -> None:
    account.play(Answer(204))
    account.play(problem(403, "Forbidden", "No rights"))
    with pytest.raises(AuthenticationError, match="No rights"):
        list(crm.find_written(["e1"]))


# -- the account


def test_setup_makes_the_field_and_the_webhook_once(account: FakeAmoCRM) -> None:
    for _ in range(2):
        with opened(amocrm(erase_deleted=True)) as crm:
            crm.setup()
    assert [field["code"] for field in account.fields] == ["PHONE", "EMAIL", "CXSDK_KEY"]
    assert account.webhooks[0] == {
        "destination": f"https://cx.example.com/webhooks/amocrm?key={SECRET}",
        "settings": ["update_task", "delete_task", "delete_contact"],
    }


def test_without_a_webhook_secret_setup_makes_no_webhook(account: FakeAmoCRM) -> None:
    with opened(amocrm(webhook_secret=None)) as crm:
        crm.setup()
    assert not account.webhooks


def test_a_field_that_cannot_be_made_stops_the_account(crm: AmoCRM, account: FakeAmoCRM) -> None:
    account.play(Answer(204))
    account.play(invalid("0", "code"))
    with pytest.raises(AuthenticationError, match="CXSDK_KEY") as caught:
        list(crm.create_people([ANN]))
    assert caught.value.code == "amocrm_field_missing"


def test_a_field_that_another_process_made_meanwhile_is_taken(crm: AmoCRM, account: FakeAmoCRM) -> None:
    account.fields.append({"id": 3, "code": "CXSDK_KEY"})
    account.play(Answer(204))
    account.play(invalid("0", "code"))
    assert outcomes(list(crm.create_people([ANN]))) == ["accepted"]


def test_the_account_says_who_it_is(crm: AmoCRM) -> None:
    assert crm.check() == "Sample (example)"


def test_agents_are_read_page_by_page(crm: AmoCRM, account: FakeAmoCRM) -> None:
    account.users = [{"id": number, "name": f"User {number}", "email": None} for number in range(1, 302)]
    account.users[0]["rights"] = {"is_active": False}
    agents = list(crm.agents())
    assert [agent.id for agent in agents] == [str(number) for number in range(1, 302)]
    assert [agent.active for agent in agents[:2]] == [False, True]


@pytest.mark.parametrize(
    "settings",
    [
        {"access_token": None},
        {"client_id": "abc"},
        {"client_id": "abc", "client_secret": Secret("sample-secret")},
        {"access_token": None, "client_id": "abc"},
        {"account": ""},
        {"account": "https://example.amocrm.ru"},
        {"account": "example.amocrm.ru.example.com"},
        {"webhook_secret": Secret("too-short")},
        {"webhook_secret": Secret("with a space & more")},
        {"default_user": "Ann"},
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        amocrm(**settings)
    assert caught.value.path.startswith("AmoCRM")
