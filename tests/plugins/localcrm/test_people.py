"""People and agents: who is found, who becomes a lead, whose turn it is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxsdk import Identity, Person, Receipt, email, handle, phone
from cxsdk.domain.outward import Outcome
from cxsdk.testing import opened
from cxsdk_localcrm import LocalCRM

PHONE = phone("+12125550123")
MAIL = email("sample@example.com")


def lead(key: str, *identities: Identity) -> Person:
    return Person(key=key, identities=identities)


def test_a_person_is_found_by_any_known_identity(crm: LocalCRM) -> None:
    [made] = crm.create_people([lead("a", PHONE, MAIL, handle("telegram", 7))])
    asked = [lead("?", PHONE), lead("?", MAIL), lead("?", handle("telegram", 7)), lead("?", handle("viber", 7))]
    assert crm.find_people(asked) == [made.id, made.id, made.id, None]


def test_the_first_known_identity_decides_where_two_people_match(crm: LocalCRM) -> None:
    by_phone, by_mail = crm.create_people([lead("a", PHONE), lead("b", MAIL)])
    assert crm.find_people([lead("?", MAIL, PHONE), lead("?", PHONE, MAIL)]) == [by_mail.id, by_phone.id]


def test_a_guess_finds_nobody_and_is_found_by_nobody(crm: LocalCRM) -> None:
    crm.create_people([lead("a", PHONE), lead("b", MAIL.maybe())])
    assert crm.find_people([lead("?", PHONE.maybe()), lead("?", MAIL)]) == [None, None]


def test_a_person_without_identities_is_nobody_known(crm: LocalCRM) -> None:
    crm.create_people([lead("a")])
    assert crm.find_people([lead("a")]) == [None]


def test_the_same_key_makes_one_person(crm: LocalCRM) -> None:
    first, again = crm.create_people([lead("a", PHONE), lead("a", PHONE)])
    [later] = crm.create_people([lead("a", MAIL)])
    assert first.outcome is Outcome.ACCEPTED
    assert [again, later] == [Receipt.duplicate(first.id)] * 2
    assert len(list(crm.people())) == 1


def test_a_known_identity_of_another_person_makes_no_second_lead(crm: LocalCRM) -> None:
    first, second, third = crm.create_people([lead("a", PHONE), lead("b", MAIL, PHONE), lead("c", MAIL)])
    assert second.outcome is Outcome.DUPLICATE
    assert second.id == first.id
    assert third.outcome is Outcome.ACCEPTED  # nothing of the refused lead was kept


def test_a_lead_who_was_here_already_stays_the_same_person_when_sent_again(crm: LocalCRM) -> None:
    first, doubled, other = crm.create_people([lead("a", MAIL), lead("b", PHONE, MAIL), lead("c", PHONE)])
    [again] = crm.create_people([lead("b", PHONE, MAIL)])
    assert other.id != first.id
    assert again == doubled == Receipt.duplicate(first.id)
    assert crm.find_written(["b"]) == [first.id]


def test_a_guess_that_is_another_persons_makes_a_lead_of_its_own(crm: LocalCRM) -> None:
    first, second = crm.create_people([lead("a", PHONE), lead("b", PHONE.maybe())])
    assert second.outcome is Outcome.ACCEPTED
    assert crm.find_people([lead("?", PHONE)]) == [first.id]


def test_an_identity_given_as_guess_and_as_known_is_known(crm: LocalCRM) -> None:
    [made] = crm.create_people([lead("a", PHONE.maybe(), PHONE)])
    assert crm.find_people([lead("?", PHONE)]) == [made.id]


def test_leads_go_to_the_agents_in_turn(crm: LocalCRM) -> None:
    for n in range(5):
        crm.create_people([lead(f"p{n}")])
    assert [person["agent_id"] for person in crm.people()] == ["1", "2", "1", "2", "1"]


def test_a_lead_that_names_its_agent_goes_there_and_costs_nobody_a_turn(crm: LocalCRM) -> None:
    people = [Person(key="a", agent_id="2"), Person(key="b"), Person(key="c", agent_id="no such agent")]
    crm.create_people(people)
    assert [person["agent_id"] for person in crm.people()] == ["2", "1", "2"]


def test_agents_have_what_a_channel_knows_them_by(crm: LocalCRM) -> None:
    one, two = crm.agents()
    assert (one.id, one.name, one.email, one.extension) == ("1", "Agent One", "agent-one@example.com", "101")
    assert (two.name, two.email, two.extension, two.active) == ("Agent Two", "agent-two@example.com", "102", True)


def test_what_no_column_takes_is_rejected_and_the_rest_goes_on(crm: LocalCRM) -> None:
    people = [Person(key="a"), Person(key="b", name="half an emoji \ud83d"), Person(key="c")]
    receipts = crm.create_people(people)
    assert [receipt.outcome for receipt in receipts] == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED]
    assert [person["key"] for person in crm.people()] == ["a", "c"]


def test_what_was_written_is_found_by_its_key(crm: LocalCRM, person_id: str) -> None:
    assert crm.find_written(["sample", "unheard of", ""]) == [person_id, None, None]


def test_calls_are_counted_by_method(crm: LocalCRM, person_id: str) -> None:
    crm.find_people([lead("?", PHONE)])
    crm.find_people([])
    crm.agents()
    list(crm.people())  # a look inside is no call
    assert crm.calls() == {"agents": 1, "create_people": 1, "find_people": 2}


identities = st.sampled_from([PHONE, PHONE.maybe(), MAIL, handle("telegram", 1), handle("telegram", 2).maybe()])
leads = st.lists(st.lists(identities, max_size=3), max_size=8)


@given(leads)
@settings(max_examples=40)
def test_whatever_leads_come_everybody_is_there_once_and_is_found(
    tmp_path_factory: pytest.TempPathFactory, given_identities: list[list[Identity]]
) -> None:
    people = [lead(f"p{n}", *some) for n, some in enumerate(given_identities)]
    with opened(LocalCRM(database=str(tmp_path_factory.mktemp("crm") / "crm.db"), durable=False)) as crm:
        receipts = crm.create_people(people)
        assert crm.create_people(people) == [Receipt.duplicate(receipt.id) for receipt in receipts]
        assert len(list(crm.people())) == sum(receipt.outcome is Outcome.ACCEPTED for receipt in receipts)
        held = {person["id"]: set(person["identities"]) for person in crm.people()}
        for person, found in zip(people, crm.find_people(people), strict=True):
            known = {str(i) for i in person.identities if i.is_known}
            assert (found is not None) == bool(known)
            assert found is None or known & held[found]
