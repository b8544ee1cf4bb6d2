"""Implementations are called one by one: what one gets wrong is logged, counts as no answer, and hurts no other."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from cxsdk import CRM, Channel, Message, hookimpl
from cxsdk.errors import PluginBug
from cxsdk.hooks import Hooks, load


class Pager(Channel):
    """A channel."""


class Plugin:
    """Answers every hook with the same, or fails with it."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.told: list[str] = []

    def _say(self) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    @hookimpl
    def register_channels(self) -> Any:
        return self._say()

    @hookimpl
    def register_crms(self) -> Any:
        return self._say()

    @hookimpl
    def register_survey_providers(self) -> Any:
        return self._say()

    @hookimpl
    def register_commands(self) -> Any:
        return self._say()

    @hookimpl
    def choose_channel(self, channels: Any) -> Any:
        return self._say()

    @hookimpl
    def filter_message(self, message: Message) -> Any:
        return self._say()

    @hookimpl
    def on_case_opened(self, case_id: str) -> None:
        self.told.append(case_id)
        self._say()


MESSAGE = Message(key="k1", to="+12125550123", text="Hello")


def hooks_of(**plugins: Any) -> Hooks:
    return Hooks(*load(plugins.items(), []))


@pytest.mark.parametrize("wrong", [RuntimeError("broken"), 5, None, [5], [str, "Pager"], [Message]], ids=str)
def test_classes_that_are_none_are_left_out_and_the_rest_is_taken(wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
    hooks = hooks_of(bad=Plugin(wrong), good=Plugin([Pager]))
    assert hooks.channels() == [Pager]
    assert "hook_failed" in caplog.text
    assert "bad" in caplog.text


def test_of_one_answer_the_right_items_are_taken() -> None:
    assert hooks_of(mixed=Plugin([5, Pager, CRM])).channels() == [Pager]


def test_classes_of_another_kind_are_refused() -> None:
    hooks = hooks_of(plugin=Plugin([Pager]))
    assert (hooks.crms(), hooks.survey_providers()) == ([], [])


def test_a_plugin_that_fails_to_name_its_commands_hides_no_other() -> None:
    assert hooks_of(bad=Plugin(RuntimeError("broken")), good=Plugin(["command"])).commands() == ["command"]


@pytest.mark.parametrize("wrong", [RuntimeError("broken"), None, 5, "fax", ["sms"]], ids=str)
def test_a_choice_that_is_none_leaves_it_to_the_others(wrong: Any) -> None:
    bad, good = Plugin(wrong), Plugin("sms")
    for hooks in (hooks_of(bad=bad, good=good), hooks_of(good=good, bad=bad)):
        assert hooks.choose_channel("c1", ["email", "sms"]) == "sms"
    assert hooks_of(bad=bad).choose_channel("c1", ["email", "sms"]) is None


@pytest.mark.parametrize("wrong", [RuntimeError("broken"), None, 5, "Hello", {"text": "Hello"}], ids=str)
def test_a_message_that_is_none_leaves_it_as_it_is(wrong: Any) -> None:
    assert hooks_of(bad=Plugin(wrong)).filter_message(MESSAGE) == MESSAGE


def test_a_choice_of_the_wrong_type_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    hooks_of(bad=Plugin(5)).filter_message(MESSAGE)
    assert "filter_message returned int" in caplog.text


def test_without_plugins_nothing_is_chosen_and_nothing_changed() -> None:
    hooks = hooks_of()
    assert hooks.choose_channel("c1", ["email"]) is None
    assert hooks.filter_message(MESSAGE) == MESSAGE
    assert hooks.listeners("on_case_opened") == []


def test_only_the_plugin_that_is_meant_is_told() -> None:
    one, other = Plugin(None), Plugin(None)
    hooks = hooks_of(one=one, other=other)
    assert sorted(hooks.listeners("on_case_opened")) == ["one", "other"]
    hooks.tell("one", "on_case_opened", {"case_id": "c1", "customer_id": "x", "reason": "unhappy"})
    assert (one.told, other.told) == (["c1"], [])


def test_what_a_listener_raises_goes_to_whoever_owes_it_again() -> None:
    error = PluginBug("not now")
    with pytest.raises(PluginBug, match="not now"):
        hooks_of(bad=Plugin(error)).tell("bad", "on_case_opened", {"case_id": "c1"})


def test_a_plugin_that_is_gone_is_told_nothing_and_nothing_fails() -> None:
    hooks_of().tell("gone", "on_case_opened", {"case_id": "c1"})


@pytest.fixture(autouse=True)
def _logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
