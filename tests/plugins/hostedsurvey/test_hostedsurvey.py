"""Links out, forms in."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import BadInput, ContactRequest, Invitation, OptOut, Raw, Response
from cxsdk_hostedsurvey import HostedSurvey, register_survey_providers

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
PAGE = {"x-invitation": "tok", "x-action": "answer", "x-scales": "nps tnps", "x-words": "liked comment"}


def sent(form: dict[str, str] | bytes, **headers: str) -> Raw:
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    return Raw(id="tok:1", body=body, headers={**PAGE, **headers}, source="page", received_at=AT)


def answer(raw: Raw) -> Response:
    (fact,) = HostedSurvey().parse(raw)
    assert isinstance(fact, Response)
    return fact


def test_a_link_is_the_contexts_signed_link() -> None:
    context: Any = SimpleNamespace(survey_link=lambda token, until: f"https://cx.example.com/s/{token}?{until:%Y}")
    provider = HostedSurvey()
    provider.open(context)
    invitation = Invitation(key="k", token="tok", survey="loyalty", expires_at=AT)
    assert provider.link(invitation) == "https://cx.example.com/s/tok?2026"


def test_grades_are_numbers_and_words_stay_words() -> None:
    fact = answer(sent({"q_nps": "9", "q_liked": "7", "q_comment": " two\r\nlines ", "step": "more", "nonce": "n"}))
    assert fact == Response(
        key="tok:1", at=AT, invitation="tok", answers={"nps": 9, "liked": "7", "comment": "two\nlines"}
    )


def test_a_contact_request_keeps_the_phone_as_it_was_typed() -> None:
    form = {"q_nps": "9", "contact": "on", "phone": " 212 555-0123 ", "hours": "after six"}
    assert answer(sent(form)).contact == ContactRequest(phone="212 555-0123", hours="after six")
    assert answer(sent({**form, "contact": ""})).contact is None


def test_fields_that_the_survey_does_not_have_are_left_out() -> None:
    assert answer(sent({"q_nps": "9", "q_csat": "1", "admin": "on"})).answers == {"nps": 9}


def test_nothing_that_a_database_refuses_gets_through() -> None:
    said = answer(sent(b"q_comment=a%00b%07c%09d%0D%0Ae")).answers["comment"]
    assert said == "abc\td\ne"


def test_an_opt_out_is_one() -> None:
    (fact,) = HostedSurvey().parse(sent(b"", **{"x-action": "stop"}))
    assert isinstance(fact, OptOut)
    assert (fact.key, fact.invitation) == ("tok:1", "tok")


def test_an_answer_cannot_opt_out_by_a_field_of_its_own() -> None:
    assert answer(sent({"q_nps": "9", "x-action": "stop", "stop": "on"})).answers == {"nps": 9}


def test_a_record_that_is_not_the_pages_is_set_aside() -> None:
    with pytest.raises(BadInput, match="survey page"):
        list(HostedSurvey().parse(Raw(id="1", body=b"q_nps=9")))
    with pytest.raises(BadInput) as refused:
        list(HostedSurvey().parse(sent({"q_nps": "nine"})))
    assert refused.value.field == "q_nps"


@given(st.binary(max_size=2000))
def test_any_bytes_are_an_answer_or_set_aside(body: bytes) -> None:
    try:
        facts = list(HostedSurvey().parse(sent(body)))
    except BadInput:
        return
    assert len(facts) == 1
    assert "\\u0000" not in facts[0].model_dump_json()


def test_it_is_registered_and_has_no_webhook() -> None:
    assert register_survey_providers() == [HostedSurvey]
    assert HostedSurvey().name == "hostedsurvey"
    assert not HostedSurvey.supports("verify")
