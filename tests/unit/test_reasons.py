"""What is kept of a failure with its row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cxsdk.errors import CxsdkError, Rejected
from cxsdk.journeys.reasons import answer_in, reason_for, why

TEXT = st.text(max_size=3_000)


def test_a_reason_is_the_errors_words_and_below_them_the_answer() -> None:
    reason = reason_for(Rejected("POST /log was answered with 422.", status=422, body="no owner", provider_code="X1"))
    assert why(reason) == "POST /log was answered with 422."
    assert answer_in(reason) == "422, code X1\nno owner"


def test_without_an_answer_the_reason_is_the_errors_words() -> None:
    for error in (Rejected("refused"), CxsdkError("refused"), ValueError("refused")):
        assert reason_for(error) == "refused"
    assert answer_in("refused") == ""


def test_secrets_are_left_out_wherever_the_cut_falls() -> None:
    for length in (0, 560, 590, 1_260, 1_290):
        told = f"{'x' * length} password=sesame-12345 y"
        reason = reason_for(Rejected(told, status=422, body=told))
        assert "sesame" not in reason


@given(TEXT, TEXT, st.none() | st.integers(100, 599), st.none() | TEXT)
def test_whatever_failed_the_reason_can_be_kept_and_taken_apart(
    said: str, body: str, status: int | None, code: str | None
) -> None:
    reason = reason_for(Rejected(said, body=body, status=status, provider_code=code))
    assert len(reason) <= 2_000
    assert "\0" not in reason
    reason.encode()
    assert len(why(reason)) + len(answer_in(reason)) <= len(reason)
