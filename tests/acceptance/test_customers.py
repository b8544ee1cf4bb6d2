"""Who is who: identities, merges, and being forgotten."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cxsdk import CX, PostPurchase
from cxsdk.domain.clock import ManualClock
from cxsdk.journeys.erasing import forget
from cxsdk.store import customers as people
from cxsdk.store.tables import (
    customers,
    decisions,
    identities,
    inbox,
    interactions,
    invitations,
    metadata,
    responses,
)
from cxsdk.web import public_app
from cxsdk_hostedsurvey import HostedSurvey
from cxsdk_localcrm import LocalCRM
from tests.acceptance.conftest import NOON, Company, Letters
from tests.installing import installed

ANN = {"kind": "email", "value": "ann@example.com"}
PHONE = {"kind": "phone", "value": "+12125550123"}
MAYBE = PHONE | {"confidence": "maybe"}


def living(company: Company) -> list[str]:
    """The customers who are not part of another one."""
    return [row.id for row in company.rows(customers) if row.merged_into is None]


def test_a_stranger_becomes_a_lead_with_a_responsible_agent(company: Company) -> None:
    company.writes("Hello")
    [person] = company.crm.people()
    assert person["agent_id"] is not None


def test_a_claim_makes_one_person_of_two_who_were_known(company: Company) -> None:
    company.writes("Hello")
    company.tell("InteractionFact", direction="inbound", sender=PHONE, text="Hi")
    assert len(living(company)) == 2
    company.tell("InteractionFact", direction="inbound", sender=ANN, also=[PHONE], text="It is me")
    [kept] = living(company)
    assert {row.customer_id for row in company.rows(interactions)} == {kept}
    assert len(company.rows(identities, customer_id=kept)) == 2


def test_a_maybe_never_makes_one_person_of_two(company: Company) -> None:
    company.writes("Hello")
    company.tell("InteractionFact", direction="inbound", sender=PHONE, text="Hi")
    company.tell("InteractionFact", direction="inbound", sender=ANN, also=[MAYBE], text="Call me")
    assert len(living(company)) == 2


def test_a_call_from_a_number_that_only_one_customer_may_have_is_logged_on_them(company: Company) -> None:
    company.tell("InteractionFact", direction="inbound", sender=ANN, also=[MAYBE], text="Call me")
    company.tell("InteractionFact", direction="inbound", sender=PHONE, text="Hi")
    assert len(living(company)) == 1


def test_what_happened_to_both_stays_with_the_one(company: Company) -> None:
    company.buys()
    company.tell("InteractionFact", direction="inbound", sender=PHONE, text="stop")
    company.tell("InteractionFact", direction="inbound", sender=ANN, also=[PHONE], text="It is me")
    company.later(timedelta(days=30))
    assert company.letters.sent == []


def test_a_customer_is_found_by_id_and_by_any_identity(company: Company) -> None:
    company.tell("InteractionFact", direction="inbound", sender=ANN, also=[PHONE], text="Hello")
    [customer_id] = living(company)
    with company.runtime.store.read() as tx:
        for who in (customer_id, "ann@example.com", "Ann@Example.com", "+12125550123", "phone:+12125550123"):
            found = people.find(tx, who)
            assert found is not None, who
            assert found.id == customer_id
        assert people.find(tx, "nobody@example.com") is None


def test_an_erased_customer_leaves_an_anonymous_score_and_nothing_else(company: Company) -> None:
    company.buys(name="Sample Customer")
    company.writes("My secret wish")
    company.later(timedelta(days=14))
    company.answers(
        q_nps="3", q_comment="My secret comment", contact="on", phone="+12125550123", nonce="n", step="full"
    )
    [customer_id] = living(company)
    with company.runtime.store.write() as tx:
        forget(tx, customer_id)
    company.installation.settle()
    [score] = company.rows(responses)
    assert (score.score, score.customer_id, score.answers) == (3, None, {})
    for table in metadata.sorted_tables:
        assert all("secret" not in str(row) and "Sample Customer" not in str(row) for row in company.rows(table)), table
    for table in (customers, identities, interactions, invitations, decisions, inbox):
        assert company.rows(table) == []


def test_a_person_erased_in_the_crm_is_forgotten_here(company: Company) -> None:
    company.writes("Hello")
    [person] = company.crm.people()
    company.tell("PersonErased", person_id=person["id"])
    assert living(company) == []


def test_whoever_was_made_one_with_them_in_several_steps_is_forgotten_too(company: Company) -> None:
    third = {"kind": "phone", "value": "+12125550124"}
    company.tell("InteractionFact", direction="inbound", sender=ANN, text="Hello")
    company.later(timedelta(minutes=1))
    company.tell("InteractionFact", direction="inbound", sender=PHONE, text="Hi")
    company.later(timedelta(minutes=1))
    hello = {"at": company.now.isoformat(), "direction": "inbound", "sender": third, "text": "Hey"}
    company.tell("InteractionFact", key="first", **hello)
    company.tell("IdentityClaim", identities=[third, PHONE])
    company.tell("IdentityClaim", identities=[PHONE, ANN])
    [last] = living(company)
    assert len(company.rows(customers)) == 3
    with company.runtime.store.write() as tx:
        forget(tx, last)
    assert company.rows(customers) == []
    company.tell("InteractionFact", key="told once more", **hello)
    assert len(living(company)) == len(company.rows(interactions)) == 1


def test_people_merged_in_the_crm_are_one_here(company: Company) -> None:
    company.writes("Hello")
    company.tell("InteractionFact", direction="inbound", sender=PHONE, text="Hi")
    one, other = (person["id"] for person in company.crm.people())
    company.tell("PersonMerged", person_id=one, into=other)
    [kept] = [row for row in company.rows(customers) if row.merged_into is None]
    assert kept.person_id == other


# -- responsible agents


def calls(company: Company, extension: str, **fields: object) -> None:
    """A stranger calls, and an agent takes the call."""
    at = {"kind": "call", "direction": "inbound", "sender": PHONE, "agent": extension, "interaction": "c1"}
    company.tell("InteractionFact", state="answered", settle=False, **at)
    company.tell("InteractionFact", state="ended", **at, **fields)


def test_who_talked_to_a_stranger_first_becomes_responsible_for_them(company: Company) -> None:
    calls(company, "102")
    [person] = company.crm.people()
    assert person["agent_id"] == "2"


def test_of_several_agents_the_one_who_talked_last_becomes_responsible(company: Company) -> None:
    calls(company, "101")
    [person] = company.crm.people()
    assert person["agent_id"] == "1"
    company.tell("InteractionFact", direction="outbound", recipient=ANN, agent="101", text="Hello", settle=False)
    company.tell("InteractionFact", direction="outbound", recipient=ANN, agent="102", text="And hello", settle=False)
    company.installation.settle()
    [_, ann] = company.crm.people()
    assert ann["agent_id"] == "2"


def test_an_agent_who_left_or_is_nobody_of_the_crms_is_not_suggested(company: Company, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "crm.db")) as db, db:
        db.execute("UPDATE agents SET active = 0 WHERE id = 2")
    for extension in ("102", "nobody@example.com"):
        company.tell("InteractionFact", direction="inbound", sender=PHONE, agent=extension, text="Hi", settle=False)
    company.installation.settle()
    [person] = company.crm.people()
    assert person["agent_id"] == "1"


def test_the_task_of_an_unhappy_customer_is_for_the_agent_responsible_for_them(company: Company) -> None:
    company.tell("InteractionFact", direction="outbound", recipient=ANN, agent="102", text="Your parcel is here.")
    company.buys()
    company.later(timedelta(hours=2))
    company.answers(q_csat="1", nonce="n", step="full")
    [task] = company.open_tasks()
    [person] = company.crm.people()
    assert (task["agent_id"], task["person_id"]) == ("2", person["id"])


def test_a_missed_call_of_a_stranger_is_one_agents_task(company: Company) -> None:
    company.tell("InteractionFact", kind="call", direction="inbound", sender=PHONE, state="ringing", interaction="c1")
    company.tell("InteractionFact", kind="call", direction="inbound", sender=PHONE, state="missed", interaction="c1")
    [task] = company.open_tasks()
    [person] = company.crm.people()
    assert task["agent_id"] == person["agent_id"]


# -- words that reach the CRM


@pytest.mark.parametrize("language", ["ru", "uk"])
def test_what_agents_read_is_in_the_companys_language(tmp_path: Path, language: str) -> None:
    crm = LocalCRM(database=str(tmp_path / "crm.db"), durable=False)
    cx = CX(
        company="Sample", crm=crm, channels=[letters := Letters()], survey_providers=[HostedSurvey()],
        surveys=[PostPurchase(after="2h")], language=language, database=f"sqlite:///{tmp_path}/cx.db",
        texts={"person.unknown": {"uk": "Хтось через {account}"}},
    )  # fmt: skip
    with (
        installed(cx, clock=ManualClock(NOON)) as installation,
        TestClient(public_app(installation.opened), base_url="http://127.0.0.1:8000") as web,
    ):
        company = Company(installation, crm, letters, web)
        call = {"kind": "call", "direction": "inbound", "state": "missed", "interaction": "c1"}
        company.tell("InteractionFact", **call)
        company.tell("InteractionFact", **call | {"interaction": "c2"}, sender=ANN)
        company.buys()
        company.later(timedelta(hours=2))
        company.answers(q_csat="1", nonce="n", step="full")
        names = [person["name"] for person in crm.people()]
        said = "\n".join(task["title"] + task["text"] for task in crm.tasks())
    assert names[0] == ("Хтось через letters" if language == "uk" else "Неизвестный абонент (letters)")
    assert ("дзвінок від клієнта: пропущено" if language == "uk" else "звонок от клиента: пропущен") in said
    assert re.findall(r"(?!UTC|csat|letters)\b[A-Za-z]{3,}\b(?!@|\.com)", said.replace("ann@example.com", "")) == []
