"""What people answered, as Typeform tells it."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import BadInput, ConfigurationError, ContactRequest, Raw, Response
from cxsdk.testing import opened
from tests.plugins.typeform.fake import EVERY_TYPE, LATELY, answer, typeform, webhook

PLUGIN = typeform()
UUID = "d4b76659-b1c5-4184-b92f-00edccbdad69"
YES, NO = answer("yes_no", "contact", "boolean", True), answer("yes_no", "contact", "boolean", False)
NUMBER = answer("phone_number", UUID, "phone_number", "+12125550123")


def facts(payload: Any, **settings: Any) -> list[Response]:
    with opened(typeform(**settings)) as plugin:
        return list(plugin.parse(Raw.of(payload)))


def said(*answers: dict[str, Any], **settings: Any) -> Response:
    [fact] = facts(webhook("tok", *answers), **settings)
    return fact


def test_every_type_of_question_is_kept_under_its_ref() -> None:
    assert said(*EVERY_TYPE) == Response(
        key="a3a12ec67a1365927098a606107fac15",
        at=LATELY,
        invitation="tok",
        answers={
            "nps": 3,
            "comment": "It came late",
            "readable_ref_short_text": "Sample",
            "readable_ref_email": "customer@example.com",
            "readable_ref_date": "2005-10-15",
            "readable_ref_picture_choice": "London; Sydney",
            "readable_ref_dropdown": "No, not for me",
            "readable_ref_legal": 0,
            "38eb1e5d-5eb0-4c2c-a3ea-2f3a3e0d6ae5": "New York",
            "readable_ref_number": "2.5",
        },
        contact=ContactRequest(phone="+12125550123", hours="after six"),
    )


def test_settings_say_which_field_is_which_question() -> None:
    likes, solved = answer("long_text", UUID, "text", "The chair"), answer("yes_no", "q2-ok", "boolean", True)
    assert said(likes, solved, questions={UUID: "liked", "q2-ok": "solved"}).answers == {
        "liked": "The chair",
        "solved": 1,
    }


@pytest.mark.parametrize("type", ["nps", "opinion_scale", "rating"])
def test_the_only_grade_and_the_only_long_text_need_no_name(type: str) -> None:
    grade, words = answer(type, UUID, "number", 9), answer("long_text", "1b4e-words", "text", "Well")
    assert said(grade, words).answers == {"score": 9, "comment": "Well"}


def test_of_two_grades_without_names_none_is_taken_for_the_score() -> None:
    grades = answer("nps", "aa-1", "number", 9), answer("rating", "bb-2", "number", 2)
    assert said(*grades).answers == {"aa-1": 9, "bb-2": 2}


@pytest.mark.parametrize(
    "grade", [answer("rating", "csat", "number", 2), answer("multiple_choice", "csat", "choice", {"label": "Bad"})]
)
def test_beside_a_grade_with_a_name_none_without_is_taken_for_the_score(grade: dict[str, Any]) -> None:
    assert said(grade, answer("nps", UUID, "number", 9), grades={"Bad": 2}).answers == {"csat": 2, UUID: 9}


def test_the_only_choice_with_a_grade_is_the_score() -> None:
    wish = answer("multiple_choice", "contact", "choice", {"label": "No need"})
    found = said(answer("picture_choice", UUID, "choice", {"label": "Bad"}), wish, grades={"Bad": 1, "No need": 0})
    assert (found.answers, found.contact) == ({"score": 1}, None)


def test_a_choice_has_the_grade_that_its_ref_or_label_has() -> None:
    by_ref = answer("multiple_choice", "csat", "choice", {"ref": "c-bad", "label": "Не подобається"})
    by_label = answer("picture_choice", "csat", "choice", {"label": "Good"})
    assert said(by_ref, grades={"c-bad": 1}).answers == {"csat": 1}
    assert said(by_label, grades={"Good": 3}).answers == {"csat": 3}


def test_an_other_choice_is_what_was_written() -> None:
    assert said(answer("multiple_choice", "liked", "choice", {"other": "Sofas"})).answers == {"liked": "Sofas"}
    some = answer("multiple_choice", "liked", "choices", {"labels": ["Chairs"], "other": "Sofas"})
    assert said(some).answers == {"liked": "Chairs; Sofas"}


def test_a_type_that_is_new_is_kept() -> None:
    new = {"type": "hologram", "shape": {"sides": 6}, "field": {"id": "h1", "type": "hologram"}}
    paid = answer("payment", "paid", "payment", {"amount": "10.00", "success": True})
    kept = said(new, paid).answers
    assert json.loads(str(kept["h1"])) == {"sides": 6}
    assert json.loads(str(kept["paid"])) == {"amount": "10.00", "success": True}


@pytest.mark.parametrize(
    ("answers", "contact"),
    [
        ([YES], ContactRequest()),
        ([YES, NUMBER], ContactRequest(phone="+12125550123")),
        ([answer("legal", "contact", "boolean", True)], ContactRequest()),
        ([answer("phone_number", "phone", "phone_number", "+12125550123")], ContactRequest(phone="+12125550123")),
        ([NO, answer("phone_number", "phone", "phone_number", "+12125550123")], None),
        ([NUMBER], None),
        ([answer("multiple_choice", "contact", "choice", {"label": "Call me"})], ContactRequest()),
        ([answer("multiple_choice", "contact", "choice", {"label": "No need"})], None),
    ],
)
def test_a_yes_or_a_number_to_call_is_a_contact_request(
    answers: list[dict[str, Any]], contact: ContactRequest | None
) -> None:
    assert said(*answers, grades={"No need": 0}).contact == contact


def test_a_part_of_a_response_is_a_part_of_its_own() -> None:
    part = webhook("tok", EVERY_TYPE[0], event_type="form_response_partial", event_id="e1")
    del part["form_response"]["submitted_at"]
    [first], [whole] = facts(part), facts(webhook("tok", *EVERY_TYPE))
    assert (first.invitation, first.answers) == ("tok", {"nps": 3})
    assert first.key == f"{whole.key}:e1"
    assert first.at < whole.at


def test_a_response_that_no_invitation_led_to_is_logged_and_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert facts(webhook(None, *EVERY_TYPE)) == []
    assert "response_without_invitation" in caplog.text
    assert "lT4Z3j" in caplog.text


def test_other_events_do_not_concern_us() -> None:
    assert facts(webhook("tok", event_type="form_published")) == []


def test_a_form_without_a_single_answer_is_an_answer() -> None:
    assert said().answers == {}


#: What may stand in an answer, as far as JSON can say it.
_NAMES = st.sampled_from(["type", "field", "ref", "id", "label", "labels", "number"])
_LEAVES = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9) | _NAMES
_ODD = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner), max_leaves=8)


@given(_ODD)
def test_any_answer_is_a_response_or_set_aside(odd: Any) -> None:
    payload = webhook("tok", EVERY_TYPE[0], odd)
    try:
        assert len(list(PLUGIN.parse(Raw.of(payload)))) == 1
    except BadInput:
        return


@pytest.mark.parametrize(
    "settings",
    [
        {"forms": {}},
        {"forms": {"loyalty": {}}},
        {"forms": {"loyalty": "https://form.typeform.com/to/lT4Z3j"}},
        {"questions": {UUID: "The score"}},
        {"hidden_field": "Invitation"},
    ],
)
def test_settings_that_fit_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        typeform(**settings)
