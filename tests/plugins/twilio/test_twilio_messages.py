"""Messages: what customers write, what became of ours, and who wants no more."""

from __future__ import annotations

import pytest

from cxsdk import Attachment, Delivery, DeliveryState, Direction, InteractionFact, OptOut, Raw, phone
from cxsdk.domain.interaction import Kind
from cxsdk.testing import NOW
from tests.plugins.twilio.samples import (
    API,
    CUSTOMER,
    MEDIA_TEXT,
    TEXT,
    after,
    came,
    made,
    posted,
    status,
    text,
    twilio,
)  # fmt: skip


def test_a_message_is_whole_in_one_fact() -> None:
    [fact] = posted(text())
    assert isinstance(fact, InteractionFact)
    assert (fact.key, fact.kind, fact.direction, fact.at) == (TEXT, Kind.MESSAGE, Direction.INBOUND, NOW)
    assert (fact.sender, fact.text) == (phone(CUSTOMER), "Where is my parcel?")


def test_pictures_come_along_by_reference() -> None:
    url = f"{API}/Messages/{MEDIA_TEXT}/Media/ME1"
    media = {"NumMedia": "1", "MediaContentType0": "image/jpeg", "MediaUrl0": url}
    [fact] = posted(text("", MessageSid=MEDIA_TEXT, **media))
    assert isinstance(fact, InteractionFact)
    assert fact.attachments == (Attachment(content_type="image/jpeg", reference=url),)


@pytest.mark.parametrize("count", ["-1", "many", "²", "9" * 30])
def test_a_nonsense_number_of_pictures_does_no_harm(count: str) -> None:
    [fact] = posted(text(NumMedia=count))
    assert isinstance(fact, InteractionFact)


def test_whatsapp_numbers_are_phone_numbers() -> None:
    [fact] = posted(text(From=f"whatsapp:{CUSTOMER}"))
    assert isinstance(fact, InteractionFact)
    assert fact.sender == phone(CUSTOMER)


def test_the_list_tells_the_same_message() -> None:
    [fact] = twilio().parse(Raw.of(came()))
    [posted_fact] = posted(text())
    assert isinstance(fact, InteractionFact)
    assert fact.model_copy(update={"at": NOW}) == posted_fact


# -- what became of ours


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("sent", DeliveryState.SENT),
        ("delivered", DeliveryState.DELIVERED),
        ("read", DeliveryState.READ),
        ("undelivered", DeliveryState.FAILED),
        ("failed", DeliveryState.FAILED),
        ("canceled", DeliveryState.FAILED),
        ("partially_delivered", DeliveryState.UNKNOWN),
        ("teleported", DeliveryState.UNKNOWN),
    ],
)
def test_a_status_is_a_delivery_of_the_message(told: str, state: DeliveryState) -> None:
    [fact] = posted(status(told))
    assert isinstance(fact, Delivery)
    assert (fact.key, fact.message_id, fact.state, fact.at) == (f"{TEXT}:{told}", TEXT, state, NOW)


@pytest.mark.parametrize("held", ["accepted", "scheduled", "queued", "sending"])
def test_what_twilio_still_holds_is_no_news(held: str) -> None:
    assert posted(status(held)) == []


@pytest.mark.parametrize(
    ("code", "state"),
    [("30003", DeliveryState.FAILED), ("30007", DeliveryState.FAILED), ("30005", DeliveryState.BOUNCED),
     ("30006", DeliveryState.BOUNCED), ("21614", DeliveryState.BOUNCED)],
)  # fmt: skip
def test_an_error_is_told_with_its_code(code: str, state: DeliveryState) -> None:
    [fact] = posted(status("undelivered", ErrorCode=code))
    assert isinstance(fact, Delivery)
    assert (fact.state, fact.reason) == (state, f"Twilio error {code}")


def test_the_list_tells_a_delivery_with_twilios_words() -> None:
    item = made("undelivered", error_code=30003, error_message="Unreachable destination handset", date_sent=after(3))
    [fact] = twilio().parse(Raw.of(item))
    assert isinstance(fact, Delivery)
    assert fact.reason == "Twilio error 30003: Unreachable destination handset"


# -- wishes


def wish(*forms: dict[str, str]) -> OptOut | None:
    wishes = [fact for fact in posted(*forms) if isinstance(fact, OptOut)]
    assert len(wishes) <= 1
    return wishes[0] if wishes else None


@pytest.mark.parametrize(
    "word", ["STOP", "stop", " Stop\n", "StopAll", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT"]
)
def test_a_word_that_twilio_obeys_opts_out(word: str) -> None:
    fact = wish(text(word))
    assert fact is not None
    assert (fact.opted_out, fact.customer, fact.at) == (True, (phone(CUSTOMER),), NOW)


@pytest.mark.parametrize("word", ["START", "unstop"])
def test_another_word_is_the_way_back(word: str) -> None:
    fact = wish(text(word))
    assert fact is not None
    assert not fact.opted_out


@pytest.mark.parametrize(("kind", "opted_out"), [("STOP", True), ("START", False)])
def test_twilios_own_verdict_counts_whatever_the_word(kind: str, opted_out: bool) -> None:
    fact = wish(text("Arrêt", OptOutType=kind))
    assert fact is not None
    assert fact.opted_out is opted_out


@pytest.mark.parametrize("words", ["Stop it please", "yes", "HELP", "", "no end"])
def test_other_words_are_no_wish(words: str) -> None:
    assert wish(text(words)) is None


def test_a_question_for_help_is_none_either() -> None:
    assert wish(text("STOP", OptOutType="HELP")) is None


def test_who_opted_out_at_twilio_is_opted_out_here() -> None:
    facts = posted(status("failed", ErrorCode="21610"))
    assert [type(fact) for fact in facts] == [Delivery, OptOut]
    fact = wish(status("failed", ErrorCode="21610"))
    assert fact is not None
    assert fact.customer == (phone(CUSTOMER),)


def test_a_word_of_nobody_known_is_a_message_only() -> None:
    assert wish(text("STOP", From="12345")) is None
