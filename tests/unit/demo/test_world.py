"""What the simulated half is made of."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import Direction, InteractionFact, Raw, Secret
from cxsdk.demo.agenda import Agenda
from cxsdk.demo.chance import chance
from cxsdk.demo.hours import BUSY, STEP, ZONE, busy_moment, next_busy, step_end
from cxsdk.demo.letters import SHOP, Letter, bounce, write_letter
from cxsdk.demo.people import make_customers, sample_phone
from cxsdk.demo.purchases import Purchase
from cxsdk.demo.stories import tell_stories
from cxsdk.demo.words import said
from cxsdk_email import Email

moments = st.datetimes(datetime(1997, 1, 1), datetime(1998, 12, 31), timezones=st.just(UTC))
PURCHASE = Purchase(line=7, customer="0001", day=date(1997, 5, 2), items=2, amount=Decimal(20))


@given(moments, st.integers(0, 20))
def test_what_comes_next_is_later_and_in_a_busy_quarter(at: datetime, skip: int) -> None:
    later = next_busy(at, chance(1), skip=skip)
    assert later > at
    assert later.astimezone(ZONE).hour in BUSY
    assert later.astimezone(ZONE).minute < 15


@given(st.dates(date(1997, 1, 1), date(1998, 12, 31)), st.integers())
def test_a_busy_moment_lies_on_its_day(day: date, seed: int) -> None:
    assert busy_moment(day, chance(seed)).astimezone(ZONE).date() == day


@given(moments)
def test_a_moment_lies_in_the_step_that_ends_after_it(at: datetime) -> None:
    end = step_end(at)
    assert end - STEP < at <= end
    assert step_end(end) == end


def test_the_same_seed_makes_the_same_people_and_stories() -> None:
    one, same, other = (make_customers(["0001"], seed)["0001"] for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert list(tell_stories(PURCHASE, one)) == list(tell_stories(PURCHASE, same))
    assert list(tell_stories(PURCHASE, one)) != list(tell_stories(PURCHASE, other))


def test_a_story_goes_forward_and_uses_only_what_reaches_its_customer() -> None:
    for customer in make_customers([f"{n:04}" for n in range(300)], 1).values():
        contacts = list(tell_stories(PURCHASE, customer))
        assert all(customer.phone for contact in contacts if contact.medium == "call")
        assert all(customer.telegram for contact in contacts if contact.medium == "message")
        assert all(before.at < after.at for before, after in pairwise(contacts) if after.place > before.place)


def test_sample_phones_are_numbers_kept_for_samples_and_nobody_shares_one() -> None:
    numbers = [sample_phone(n) for n in range(1, 10_001)]
    assert len(set(numbers)) == 10_000
    for number in numbers[::371]:
        assert number is not None
        assert "55501" in number
        assert phonenumbers.is_valid_number(phonenumbers.parse(number))
    assert sample_phone(10_000_000) is None


class _Noting:
    def __init__(self) -> None:
        self.done: list[str] = []

    def act(self, things: object, now: datetime) -> None: ...


def test_an_agenda_gives_each_actor_all_that_falls_into_a_step() -> None:
    agenda, one, other = Agenda(), _Noting(), _Noting()
    noon = datetime(1997, 1, 1, 12, tzinfo=UTC)
    agenda.add(noon + timedelta(hours=1), one, "later")
    agenda.add(noon, one, "second")
    agenda.add(noon - timedelta(minutes=1), one, "first")
    agenda.add(noon, other, "else")
    assert list(agenda.take(noon)) == [(one, ["first", "second"]), (other, ["else"])]
    assert agenda.next_at == noon + timedelta(hours=1)


def letter(language: str = "en", **more: object) -> Letter:
    at = datetime(1997, 1, 2, 12, tzinfo=UTC)
    answer = said(language, "delivery", "in")  # type: ignore[arg-type]
    given = {"id": "letter-1@example.org", "at": at, "sender": '"Sample Customer 1" <customer1@example.org>'}
    about = {"recipient": SHOP, "subject": f"Re: {answer}", "text": f"{answer}\nref #0000001", "language": language}
    return Letter(**{**given, **about, "quoted": "An older letter. ref #0000000", **more})  # type: ignore[arg-type]


def parsed(mail: bytes) -> list[object]:
    account = Email(address=SHOP, host="127.0.0.1", password=Secret("sample"))
    return list(account.parse(Raw(id="1", body=mail, source="inbox", received_at=datetime(1997, 1, 2, 13, tzinfo=UTC))))


@pytest.mark.parametrize("language", ["en", "uk", "ru"])
@pytest.mark.parametrize("seed", range(4))
def test_letters_are_read_as_they_were_meant(language: str, seed: int) -> None:
    [fact] = parsed(write_letter(letter(language), chance(seed)))
    assert isinstance(fact, InteractionFact)
    assert fact.direction is Direction.INBOUND
    assert str(fact.sender) == "email:customer1@example.org"
    assert "ref #0000001" in fact.text
    assert "#0000000" not in fact.text


def test_an_answer_of_somebody_away_is_seen_to_be_automatic() -> None:
    [fact] = parsed(write_letter(letter(automatic=True), chance(1)))
    assert isinstance(fact, InteractionFact)
    assert fact.automatic


def test_a_bounce_is_seen_to_speak_of_our_mail() -> None:
    at = datetime(1997, 1, 2, 12, tzinfo=UTC)
    [fact] = parsed(bounce(at, "customer1@example.org", "<abc.cxsdk@example.com>"))
    assert type(fact).__name__ == "Delivery"
    assert (fact.state, fact.message_id) == ("bounced", "<abc.cxsdk@example.com>")  # type: ignore[attr-defined]
