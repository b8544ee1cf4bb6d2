"""What is kept of a failure with its row."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cxsdk.errors import CxsdkError, PluginBug, Rejected
from cxsdk.journeys.reasons import answer_in, bug_in, reason_for, why

TEXT = st.text(max_size=3_000)


def test_a_reason_is_the_errors_words_and_below_them_the_answer() -> None:
    reason = reason_for(Rejected("POST /log was answered with 422.", status=422, body="no owner", provider_code="X1"))
    assert why(reason) == "POST /log was answered with 422."
    assert answer_in(reason) == "422, code X1\nno owner"


def test_without_an_answer_the_reason_is_the_errors_words() -> None:
    for error in (Rejected("refused"), CxsdkError("refused"), ValueError("refused")):
        assert reason_for(error) == "refused"
    assert answer_in("refused") == ""


PLUGIN = """
import json
def parse(body):
    return _read(body)
def _read(body):
    return json.loads(body)
def find_written(bug):
    try:
        parse("{")
    except ValueError as error:
        raise bug("failed") from error
def shy(said):
    raise ValueError(said)
"""


def fails(function: str, argument: object) -> Exception:
    """What a plugin of a package of its own raises."""
    package: dict[str, Any] = {"__name__": "our_pbx.reading"}
    exec(compile(PLUGIN, "/home/me/our_pbx/reading.py", "exec"), package)  # noqa: S102 - it has a file of its own
    try:
        package[function](argument)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
        ours = error.__traceback__
        return error.with_traceback(ours and ours.tb_next)
    raise AssertionError


def test_a_bug_is_told_with_the_last_line_of_the_plugin_and_not_of_what_it_calls() -> None:
    said, place = bug_in(fails("parse", "{")).split("\n")
    assert said.startswith("JSONDecodeError: Expecting property name")
    assert place == "at /home/me/our_pbx/reading.py:6, in _read"


def test_of_a_bug_that_was_told_by_us_the_cause_is_shown() -> None:
    assert bug_in(fails("find_written", PluginBug)) == "failed\nat /home/me/our_pbx/reading.py:6, in _read"


def test_a_bug_of_which_no_line_is_known_is_told_by_its_words() -> None:
    assert bug_in(PluginBug("It returned 1 receipt for 2 values.")) == "It returned 1 receipt for 2 values."
    assert bug_in(KeyError("id")) == "KeyError: 'id'"


def test_a_bug_shows_no_secret() -> None:
    assert "sesame" not in bug_in(fails("shy", "password=sesame-12345"))


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
