"""``CXSDK_TRACE_HOOKS=1`` logs each call of a hook, without what it is given and returns."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from cxsdk import Message, hookimpl
from cxsdk.hooks import Hooks, load
from cxsdk.hooks.facade import TRACE

MESSAGE = Message(key="m1", to="ann@example.com", text="a sample text")


class Plugin:
    @hookimpl
    def filter_message(self, message: Message) -> Message:
        return message

    @hookimpl
    def on_case_opened(self, case_id: str) -> None:
        raise KeyError(case_id)


@pytest.fixture
def hooks() -> Hooks:
    return Hooks(*load([("mine", Plugin())], found=[]))


def traced(hooks: Hooks) -> list[Any]:
    """What two calls leave in the log: one that returns, and one that raises."""
    about = {"case_id": "case-of-ann", "customer_id": "ann", "reason": "unhappy"}
    with capture_logs() as logs:
        hooks.filter_message(MESSAGE)
        with pytest.raises(KeyError):
            hooks.tell("mine", "on_case_opened", about)
    return [log for log in logs if log["event"] == "hook_called"]


def test_each_call_is_logged_with_its_plugin_time_and_outcome(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRACE, "1")
    first, second = traced(hooks)
    assert (first["hook"], first["plugin"], first["outcome"]) == ("filter_message", "mine", "returned")
    assert (second["hook"], second["outcome"]) == ("on_case_opened", "raised KeyError")
    assert first["took_ms"] >= 0


def test_what_a_hook_is_given_is_in_no_log(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRACE, "1")
    told = str(traced(hooks))
    assert not any(said in told for said in ("ann@example.com", "a sample text", "case-of-ann"))


@pytest.mark.parametrize("value", [None, "", "0"])
def test_nothing_is_logged_unless_it_is_asked_for(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv(TRACE, raising=False) if value is None else monkeypatch.setenv(TRACE, value)
    assert traced(hooks) == []
