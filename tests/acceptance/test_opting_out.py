"""Opting out and back in: whatever way it is said, the latest word holds."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations

import pytest

from cxsdk.domain.texts import text
from cxsdk.store.tables import customers, decisions, identities
from tests.acceptance.conftest import NOON, Company

ANN = {"kind": "email", "value": "ann@example.com"}
PHONE = {"kind": "phone", "value": "+12125550123"}


def wishes(company: Company, said: str, at: datetime, who: dict[str, str] = ANN) -> None:
    """A customer says "stop" or "start"; their word is told of later, in whatever order."""
    company.tell("InteractionFact", direction="inbound", sender=who, text=said, at=at.isoformat())


def wants_surveys(company: Company) -> bool:
    [customer] = [row for row in company.rows(customers) if row.merged_into is None]
    return customer.opted_out_at is None


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize(("words", "wanted"), [(("stop", "start", "stop"), False), (("start", "stop", "start"), True)])
def test_the_latest_word_holds_in_whatever_order_they_come(
    company: Company, words: tuple[str, ...], wanted: bool, order: tuple[int, ...]
) -> None:
    company.later(timedelta(days=3))
    for n in order:
        wishes(company, words[n], NOON + timedelta(days=n))
    assert wants_surveys(company) is wanted


@pytest.mark.parametrize("order", [("stop", "start"), ("start", "stop")])
def test_of_two_words_of_the_same_moment_the_stop_holds(company: Company, order: tuple[str, str]) -> None:
    for said in order:
        wishes(company, said, NOON)
    assert not wants_surveys(company)


def test_a_word_from_the_future_does_not_outweigh_all_that_come_after_it(company: Company) -> None:
    wishes(company, "stop", NOON + timedelta(days=900))
    company.later(timedelta(days=1))
    wishes(company, "start", NOON + timedelta(days=1))
    assert wants_surveys(company)


@pytest.mark.parametrize("said", ["start", "Старт!", "«Підписатися»", "подписаться.", "SUBSCRIBE"])
def test_whoever_opts_back_in_is_asked_again_and_what_was_cancelled_stays_so(company: Company, said: str) -> None:
    company.buys()
    company.writes("stop")
    company.later(timedelta(days=1))
    company.writes(said)
    company.later(timedelta(days=20))
    assert company.letters.sent == []
    company.buys()
    company.later(timedelta(hours=3))
    assert len(company.letters.sent) == 1


def test_both_words_stand_in_the_ledger_and_on_the_timeline_once_each(company: Company) -> None:
    for said in ("stop", "stop", "start", "start"):
        company.writes(said)
        company.later(timedelta(hours=1))
    told = [(row.verdict, row.text) for row in company.rows(decisions, rule="opt_out")]
    assert told == [(verdict, "They said so over letters.") for verdict in ("opted_out", "opted_in")]
    entries = [entry["text"] for entry in company.crm.entries() if entry["kind"] == "survey"]
    assert entries == [text("entry.stopped", "en"), text("entry.resumed", "en")]


def test_who_was_never_out_is_not_noted_as_back(company: Company) -> None:
    company.writes("start")
    assert company.rows(decisions, rule="opt_out") == []


def test_a_machine_opts_nobody_back_in(company: Company) -> None:
    wishes(company, "stop", NOON)
    company.later(timedelta(hours=1))
    company.writes("start", automatic=True)
    assert not wants_surveys(company)


def test_an_edited_message_says_its_word_when_it_was_edited(company: Company) -> None:
    message = {"direction": "inbound", "sender": ANN, "interaction": "m1"}
    company.tell("InteractionFact", text="stopp", **message)
    company.later(timedelta(hours=1))
    company.writes("start")
    company.later(timedelta(hours=1))
    company.tell("InteractionFact", text="stop", **message)
    assert not wants_surveys(company)


@pytest.mark.parametrize(("first", "wanted"), [("stop", True), ("start", False)])
def test_of_two_who_become_one_the_later_word_holds(company: Company, first: str, wanted: bool) -> None:
    second = "start" if first == "stop" else "stop"
    wishes(company, first, NOON)
    company.later(timedelta(hours=1))
    wishes(company, second, NOON + timedelta(hours=1), PHONE)
    company.tell("InteractionFact", direction="inbound", sender=ANN, also=[PHONE], text="It is me")
    assert wants_surveys(company) is wanted


def test_a_shop_can_opt_a_customer_out_and_back_in_and_out_again(company: Company) -> None:
    for opted_out in (True, False, True):
        company.tell("OptOut", customer=[ANN, PHONE], opted_out=opted_out)
        assert wants_surveys(company) is not opted_out
        company.later(timedelta(hours=1))
    assert len(company.rows(identities)) == 2


def test_the_stop_link_works_again_for_who_opted_back_in(company: Company) -> None:
    company.buys()
    company.later(timedelta(hours=2))
    stop = str(company.letters.sent[-1].unsubscribe_url).removeprefix(company.runtime.public_url)
    for said in ("stop", "start", "stop"):
        company.later(timedelta(hours=1))
        if said == "stop":
            company.web.post(stop, data={"List-Unsubscribe": "One-Click"})
            company.installation.settle()
        else:
            company.writes(said)
        assert wants_surveys(company) is (said == "start")
