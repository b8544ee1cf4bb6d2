"""Who is who: identities, merges, and being forgotten."""

from __future__ import annotations

from datetime import timedelta

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
from tests.acceptance.conftest import Company

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


def test_people_merged_in_the_crm_are_one_here(company: Company) -> None:
    company.writes("Hello")
    company.tell("InteractionFact", direction="inbound", sender=PHONE, text="Hi")
    one, other = (person["id"] for person in company.crm.people())
    company.tell("PersonMerged", person_id=one, into=other)
    [kept] = [row for row in company.rows(customers) if row.merged_into is None]
    assert kept.person_id == other
