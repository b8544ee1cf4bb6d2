"""What is written into EspoCRM: people, contacts on their timelines, tasks."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from cxsdk import (
    Attachment,
    AuthenticationError,
    CallState,
    ConfigurationError,
    Direction,
    Kind,
    LogEntry,
    OutcomeUnknown,
    Person,
    PersonGone,
    Rejected,
    Secret,
    Task,
    email,
    handle,
    phone,
)
from cxsdk.testing import NOW, opened, send
from cxsdk_espocrm import EspoCRM
from tests.plugins.espocrm.conftest import espocrm
from tests.plugins.espocrm.fake import SECRET_KEY, FakeEspoCRM

ANN = Person(
    key="p1", name="Ann van Sample", identities=(phone("+12125550123"), email("ann@example.com")), source="pbx"
)


def call(**changes: Any) -> LogEntry:
    given = {
        "key": "e1", "person_id": "Contact:c1", "kind": Kind.CALL, "direction": Direction.INBOUND, "at": NOW,
        "counterpart": "+12125550123", "state": CallState.ENDED, "seconds": 90,
    }  # fmt: skip
    return LogEntry(**{**given, **changes})


def work(**changes: Any) -> Task:
    given = {"key": "t1", "person_id": "Contact:c1", "title": "Call Ann back", "due": NOW + timedelta(hours=1)}
    return Task(**{**given, **changes})


@pytest.fixture
def contact(site: FakeEspoCRM) -> str:
    return site.put("Contact", id="c1", name="Ann Sample", assignedUserId="user-ann")


# -- people


@pytest.mark.parametrize("entity", ["Contact", "Lead", "Account"])
@pytest.mark.parametrize("written", ["+12125550123", "1 (212) 555-0123"])
def test_a_person_is_found_by_any_of_their_numbers_however_it_is_written(
    crm: EspoCRM, site: FakeEspoCRM, entity: str, written: str
) -> None:
    numbers = [{"phoneNumber": "+12125550199", "primary": True}, {"phoneNumber": written, "primary": False}]
    known = site.put(entity, phoneNumberData=numbers)
    assert list(crm.find_people([ANN])) == [known]


def test_a_person_is_found_by_their_address(crm: EspoCRM, site: FakeEspoCRM) -> None:
    known = site.put("Lead", emailAddressData=[{"emailAddress": "Ann@Example.com", "primary": True}])
    assert list(crm.find_people([ANN])) == [known]


def test_a_contact_goes_before_the_lead_that_it_was(crm: EspoCRM, site: FakeEspoCRM) -> None:
    address = [{"emailAddress": "ann@example.com", "primary": True}]
    site.put("Lead", emailAddressData=address)
    contact = site.put("Contact", emailAddressData=address)
    assert list(crm.find_people([ANN])) == [contact]


def test_of_several_the_oldest_is_taken(crm: EspoCRM, site: FakeEspoCRM) -> None:
    address = [{"emailAddress": "ann@example.com", "primary": True}]
    old = site.put("Contact", emailAddressData=address)
    site.now += timedelta(days=1)
    site.put("Contact", id="0", emailAddressData=address)
    assert list(crm.find_people([ANN])) == [old]


def test_nobody_is_found_who_is_not_there(crm: EspoCRM) -> None:
    assert list(crm.find_people([ANN])) == [None]


def test_whom_espocrm_cannot_know_is_not_looked_for(crm: EspoCRM, site: FakeEspoCRM) -> None:
    assert list(crm.find_people([Person(key="p2", identities=(handle("telegram", 7),))])) == [None]
    assert site.requests == []


def test_a_stranger_becomes_a_lead_with_all_that_is_known(crm: EspoCRM, site: FakeEspoCRM) -> None:
    [receipt] = send(crm, [ANN.model_copy(update={"agent_id": "user-bob"})]).receipts
    assert receipt.id is not None
    lead = site.get(receipt.id)
    assert receipt.id.startswith("Lead:")
    assert (lead["firstName"], lead["lastName"], lead["assignedUserId"]) == ("Ann van", "Sample", "user-bob")
    assert lead["phoneNumberData"] == [{"phoneNumber": "+12125550123", "primary": True}]
    assert lead["emailAddressData"] == [{"emailAddress": "ann@example.com", "primary": True}]
    assert (lead["description"], lead["cCxsdkKey"]) == ("First contact over pbx", "p1")
    assert list(crm.find_people([ANN])) == [receipt.id]


def test_a_stranger_without_a_name_and_an_agent_is_named_by_their_number(crm: EspoCRM, site: FakeEspoCRM) -> None:
    send(crm, [Person(key="p2", identities=(phone("+12125550123"), handle("telegram", 7)))])
    [lead] = site.of("Lead")
    assert (lead["firstName"], lead["lastName"]) == ("", "+12125550123")
    assert (lead["assignedUserId"], lead["description"]) == ("user-default", "telegram:7")


def test_a_stranger_may_become_a_contact(site: FakeEspoCRM) -> None:
    with opened(espocrm(person_entity="Contact")) as crm:
        [receipt] = send(crm, [ANN]).receipts
    assert receipt.id is not None
    assert receipt.id.startswith("Contact:")


def test_a_namesake_is_no_reason_to_refuse_a_stranger(crm: EspoCRM) -> None:
    [*_, asked] = send(crm, [ANN]).requests
    assert (asked.method, asked.headers["X-Skip-Duplicate-Check"]) == ("POST", "true")


# -- contacts


def test_a_call_is_logged_with_its_recording_agent_and_comment(crm: EspoCRM, site: FakeEspoCRM, contact: str) -> None:
    entry = call(agent_id="user-bob", comment="Wants a refund", recording_url="https://pbx.example.com/r/1.mp3")
    [receipt] = send(crm, [entry]).receipts
    assert receipt.id is not None
    logged = site.get(receipt.id)
    assert logged["name"] == "Incoming call +12125550123"
    assert (logged["status"], logged["direction"]) == ("Held", "Inbound")
    assert (logged["dateStart"], logged["dateEnd"]) == ("2026-01-05 12:00:00", "2026-01-05 12:01:30")
    assert (logged["parentType"], logged["parentId"]) == ("Contact", "c1")
    assert (logged["assignedUserId"], logged["cCxsdkKey"]) == ("user-bob", "e1")
    assert logged["description"] == "Comment: Wants a refund\n\nRecording: https://pbx.example.com/r/1.mp3"


@pytest.mark.parametrize(
    ("changes", "name", "status"),
    [
        ({"state": CallState.MISSED}, "Missed call +12125550123", "Not Held"),
        ({"direction": Direction.OUTBOUND}, "Outgoing call +12125550123", "Held"),
        ({"direction": Direction.OUTBOUND, "state": CallState.MISSED}, "Outgoing call +12125550123", "Not Held"),
        ({"counterpart": ""}, "Incoming call", "Held"),
    ],
)
def test_a_call_says_what_it_was(
    crm: EspoCRM, site: FakeEspoCRM, contact: str, changes: dict[str, Any], name: str, status: str
) -> None:
    send(crm, [call(**changes)])
    [logged] = site.of("Call")
    assert (logged["name"], logged["status"]) == (name, status)


def test_what_nobody_logged_is_the_responsible_agents(crm: EspoCRM, site: FakeEspoCRM, contact: str) -> None:
    send(crm, [call()])
    assert site.of("Call")[0]["assignedUserId"] == "user-ann"


def test_where_nobody_is_responsible_it_is_the_default_users(crm: EspoCRM, site: FakeEspoCRM) -> None:
    site.put("Account", id="a1")
    send(crm, [call(person_id="Account:a1")])
    assert site.of("Call")[0]["assignedUserId"] == "user-default"


def test_what_becomes_known_later_changes_the_same_call(crm: EspoCRM, site: FakeEspoCRM, contact: str) -> None:
    [receipt] = send(crm, [call()]).receipts
    [again] = send(crm, [call(entry_id=receipt.id, revision=2, comment="Wants a refund")]).receipts
    assert again.id == receipt.id
    [logged] = site.of("Call")
    assert logged["description"] == "Comment: Wants a refund"
    assert (logged["assignedUserId"], logged["cCxsdkKey"]) == ("user-ann", "e1")


@pytest.mark.parametrize(
    ("direction", "sides"),
    [
        (Direction.INBOUND, ("ann@example.com", "support@example.com")),
        (Direction.OUTBOUND, ("support@example.com", "ann@example.com")),
    ],
)
def test_an_email_is_archived(
    crm: EspoCRM, site: FakeEspoCRM, contact: str, direction: Direction, sides: tuple[str, str]
) -> None:
    attachment = Attachment(name="bill.pdf", reference="part 2")
    changes = {"kind": Kind.EMAIL, "direction": direction, "counterpart": "ann@example.com", "state": None}
    send(crm, [call(**changes, subject="My order", text="Where is it?", attachments=(attachment,))])
    [logged] = site.of("Email")
    assert (logged["from"], logged["to"]) == sides
    assert (logged["name"], logged["status"], logged["isHtml"]) == ("My order", "Archived", False)
    assert (logged["body"], logged["dateSent"]) == (
        "Where is it?\n\nAttachment: bill.pdf part 2",
        "2026-01-05 12:00:00",
    )


def test_without_an_address_of_ours_an_email_is_logged_like_a_message(site: FakeEspoCRM, contact: str) -> None:
    with opened(espocrm()) as crm:
        send(crm, [call(kind=Kind.EMAIL, subject="My order", state=None)])
    assert [one["name"] for one in site.of("Meeting")] == ["My order"]


def test_a_message_is_logged_as_what_the_settings_say(site: FakeEspoCRM, contact: str) -> None:
    with opened(espocrm(message_entity="CMessage")) as crm:
        [receipt] = send(crm, [call(kind=Kind.MESSAGE, state=None, seconds=None, text="Hello")]).receipts
        assert receipt.id is not None
        assert list(crm.find_written(["e1"])) == [receipt.id]
    logged = site.get(receipt.id)
    assert (logged["name"], logged["description"]) == ("Message +12125550123", "Hello")
    assert logged["dateEnd"] == logged["dateStart"]


def test_a_name_is_cut_to_what_espocrm_takes(crm: EspoCRM, site: FakeEspoCRM, contact: str) -> None:
    send(crm, [call(kind=Kind.MESSAGE, subject="very " * 100, state=None)])
    assert len(site.of("Meeting")[0]["name"]) == 255


# -- tasks


def test_a_task_is_for_whoever_is_responsible_for_its_person(crm: EspoCRM, site: FakeEspoCRM, contact: str) -> None:
    [receipt] = send(crm, [work(text="She called twice", urgent=True)]).receipts
    assert receipt.id is not None
    task = site.get(receipt.id)
    assert (task["name"], task["description"]) == ("Call Ann back", "She called twice")
    assert (task["status"], task["priority"], task["dateEnd"]) == ("Not Started", "Urgent", "2026-01-05 13:00:00")
    assert (task["parentType"], task["parentId"], task["assignedUserId"]) == ("Contact", "c1", "user-ann")


def test_a_task_is_changed_and_keeps_its_agent_and_state(crm: EspoCRM, site: FakeEspoCRM, contact: str) -> None:
    [receipt] = send(crm, [work()]).receipts
    assert receipt.id is not None
    site.change(receipt.id, status="Started", assignedUserId="user-bob")
    send(crm, [work(task_id=receipt.id, title="Call Ann back today")])
    task = site.get(receipt.id)
    assert (task["name"], task["status"], task["assignedUserId"]) == ("Call Ann back today", "Started", "user-bob")


def test_a_task_that_is_done_is_completed(crm: EspoCRM, site: FakeEspoCRM, contact: str) -> None:
    [receipt] = send(crm, [work()]).receipts
    send(crm, [work(task_id=receipt.id, done=True)])
    assert site.of("Task")[0]["status"] == "Completed"


def test_a_task_that_is_gone_cannot_be_changed(crm: EspoCRM) -> None:
    with pytest.raises(Rejected, match="does not exist"):
        send(crm, [work(task_id="Task:nope")])


def test_of_what_belongs_to_a_person_who_is_gone_it_is_said_that_they_are(crm: EspoCRM) -> None:
    with pytest.raises(PersonGone, match="deleted, or merged"):
        send(crm, [call(agent_id="user-bob")])
    with pytest.raises(PersonGone, match="does not exist"):
        send(crm, [work()])


# -- once


def test_what_was_written_is_found_by_its_key(crm: EspoCRM, site: FakeEspoCRM, contact: str) -> None:
    mail = call(key="e2", kind=Kind.EMAIL, counterpart="ann@example.com", state=None)
    receipts = send(crm, [ANN, call(), mail, work()]).receipts
    assert list(crm.find_written(["p1", "e1", "e2", "t1", "t2"])) == [*(one.id for one in receipts), None]


def test_a_lost_answer_is_unknown_and_what_it_made_is_found(crm: EspoCRM, site: FakeEspoCRM, contact: str) -> None:
    site.forget()
    with pytest.raises(OutcomeUnknown):
        send(crm, [call()])
    [found] = crm.find_written(["e1"])
    assert found == f"Call:{site.of('Call')[0]['id']}"


def test_an_answer_without_an_id_is_unknown(crm: EspoCRM, site: FakeEspoCRM, contact: str) -> None:
    send(crm, [call(key="e0", agent_id="user-bob")])
    site.fail(200, body=True)
    with pytest.raises(OutcomeUnknown, match="no id"):
        send(crm, [call(agent_id="user-bob")])


def test_nothing_is_written_where_there_is_no_field_for_the_key(site: FakeEspoCRM) -> None:
    site.put("Contact", id="c1")
    with opened(espocrm(key_field="cOther")) as crm, pytest.raises(AuthenticationError, match="cOther") as caught:
        send(crm, [call()])
    assert caught.value.code == "espocrm_field_missing"
    assert site.of("Call") == []


def test_the_field_is_looked_at_once_for_each_entity_type(crm: EspoCRM, site: FakeEspoCRM) -> None:
    send(crm, [ANN, ANN.model_copy(update={"key": "p2"})])
    assert (site.paths("GET"), site.paths("POST")) == (["Lead"], ["Lead", "Lead"])


# -- signing in, agents


def test_requests_are_signed_where_there_is_a_secret_key(site: FakeEspoCRM) -> None:
    site.hmac_only = True
    site.put("Contact", id="c1")
    with opened(espocrm(secret_key=Secret(SECRET_KEY))) as crm:
        [receipt] = send(crm, [call()]).receipts
        assert send(crm, [call(entry_id=receipt.id)]).receipts[0].is_done
    assert all("X-Api-Key" not in asked.headers for asked in site.requests)
    assert {asked.method for asked in site.requests} == {"GET", "POST", "PUT"}


def test_agents_are_the_users_who_are_people(crm: EspoCRM, site: FakeEspoCRM) -> None:
    site.now += timedelta(seconds=1)
    for number in range(150):
        site.put("User", type="regular", name=f"Agent {number}", emailAddress=f"a{number}@example.com", isActive=True)
    site.now += timedelta(seconds=1)
    site.put("User", type="admin", name="Boss", isActive=False)
    site.put("User", type="api", name="cxsdk", isActive=True)
    found = list(crm.agents())
    assert len(found) == 152
    assert (found[1].name, found[1].email, found[1].active) == ("Agent 0", "a0@example.com", True)
    assert (found[-1].name, found[-1].email, found[-1].active) == ("Boss", None, False)


def test_an_agents_extension_stands_in_the_field_that_is_named(site: FakeEspoCRM) -> None:
    site.now += timedelta(seconds=1)
    site.put("User", type="regular", name="Bob", cExtension="101")
    with opened(espocrm(extension_field="cExtension")) as crm:
        assert [agent.extension for agent in crm.agents()] == [None, "101"]


def test_a_site_may_live_in_a_directory() -> None:
    assert espocrm(url="https://example.com/crm/").url == "https://example.com/crm/"
    with pytest.raises(ConfigurationError):
        espocrm(url="crm.example.com")


def test_secrets_are_not_shown(crm: EspoCRM) -> None:
    assert "sample" not in repr(espocrm(secret_key=Secret(SECRET_KEY))).replace("example", "")
    assert "sample-webhook-key" not in repr(crm)


def test_searches_go_in_one_parameter(crm: EspoCRM, site: FakeEspoCRM) -> None:
    list(crm.find_people([Person(key="p", identities=(email("ann@example.com"),))]))
    [asked, *_] = site.requests
    assert asked.headers["X-No-Total"] == "true"
    search = json.loads(asked.query["searchParams"][0])
    assert search["where"] == [
        {"type": "or", "value": [{"type": "equals", "attribute": "emailAddress", "value": "ann@example.com"}]}
    ]
