"""The one place that calls plugins' hooks: typed, one implementation at a time, each for itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from time import perf_counter
from typing import Any, TypeVar

import pluggy

from cxsdk.capabilities import CRM, Channel, Plugin, SurveyProvider
from cxsdk.domain.outward import Message
from cxsdk.errors import CxsdkError, PluginBug
from cxsdk.hooks.loading import Found, load
from cxsdk.observe import logger
from cxsdk.observe.guarding import guarded

T = TypeVar("T", bound=Plugin)

#: The variable of the environment that, where it is 1, has each call of a hook logged.
TRACE = "CXSDK_TRACE_HOOKS"


class Hooks:
    """Typed calls into a plugin manager; what one plugin gets wrong is logged and counts as no answer."""

    def __init__(self, manager: pluggy.PluginManager, found: Sequence[Found]) -> None:
        self._manager = manager
        self.found = tuple(found)
        for plugin in self.found:
            if plugin.problem:
                logger("cxsdk.hooks").warning(
                    "plugin_broken", plugin=plugin.name, code=plugin.code, problem=plugin.problem
                )

    @classmethod
    def load(cls, extra: Sequence[tuple[str, Any]] = ()) -> Hooks:
        """The hooks of all installed plugins, and of those in ``extra``, by name."""
        return cls(*load(extra))

    def channels(self) -> list[type[Channel]]:
        """The channel classes that plugins register."""
        return self._classes("register_channels", Channel)

    def crms(self) -> list[type[CRM]]:
        """The CRM classes that plugins register."""
        return self._classes("register_crms", CRM)  # type: ignore[type-abstract]

    def survey_providers(self) -> list[type[SurveyProvider]]:
        """The survey provider classes that plugins register."""
        return self._classes("register_survey_providers", SurveyProvider)  # type: ignore[type-abstract]

    def classes_of(self, plugin: str) -> list[type[Plugin]]:
        """The channels, CRMs and survey providers that one plugin registers."""
        answers = (self._ask(hook, {}) for hook in ("register_crms", "register_channels", "register_survey_providers"))
        given = (cls for name, classes in chain.from_iterable(answers) if name == plugin for cls in classes)
        return [cls for cls in given if isinstance(cls, type) and issubclass(cls, Plugin)]

    def hooks_of(self, plugin: str) -> list[str]:
        """The names of the hooks that one plugin implements."""
        callers = self._manager.get_hookcallers(self._manager.get_plugin(plugin)) or ()
        return sorted(caller.name for caller in callers)

    def commands(self) -> list[Any]:
        """The click commands that plugins add."""
        return [command for _, answer in self._ask("register_commands", {}) for command in answer]

    def listeners(self, hook: str) -> list[str]:
        """The names of the plugins that implement an ``on_`` hook: each is owed a row when it happens."""
        return [impl.plugin_name for impl in self._implementations(hook)]

    def tell(self, plugin: str, hook: str, arguments: Mapping[str, Any]) -> None:
        """Calls one plugin's ``on_`` hook. What it raises goes to the caller, who owes it again."""
        for impl in self._implementations(hook):
            if impl.plugin_name == plugin:
                _call(impl, hook, arguments)

    def choose_channel(self, customer_id: str, channels: Sequence[str]) -> str | None:
        """The first plugin's choice among ``channels``, or None."""
        arguments = {"customer_id": customer_id, "channels": channels}
        chosen: str | None = self._first("choose_channel", arguments, lambda answer: answer in channels)
        return chosen

    def filter_message(self, message: Message) -> Message:
        """The message as the first plugin that changes it wants it. Its key and addressee stay as they were."""
        changed = self._first("filter_message", {"message": message}, lambda answer: isinstance(answer, Message))
        return (changed or message).model_copy(update={"key": message.key, "to": message.to})

    def _first(self, hook: str, arguments: Mapping[str, Any], fits: Callable[[Any], bool]) -> Any:
        for name, answer in self._ask(hook, arguments):
            if fits(answer):
                return answer
            _report(name, hook, PluginBug(f"{hook} returned {type(answer).__name__}, which is not what it promises."))
        return None

    def _classes(self, hook: str, kind: type[T]) -> list[type[T]]:
        classes = []
        for name, answer in self._ask(hook, {}):
            for cls in answer:
                if isinstance(cls, type) and issubclass(cls, kind):
                    classes.append(cls)
                else:
                    _report(name, hook, PluginBug(f"{hook} must return subclasses of {kind.__name__}, not {cls!r}."))
        return classes

    def _ask(self, hook: str, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for impl in self._implementations(hook):
            try:
                answer = _call(impl, hook, arguments)
                if hook.startswith("register_"):
                    answer = list(answer)
            except Exception as error:  # a plugin's error is its own: the others still answer
                _report(impl.plugin_name, hook, error)
                continue
            if answer is not None:
                yield impl.plugin_name, answer

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        return list(reversed(caller.get_hookimpls()))  # pluggy keeps the last to be asked first


def _call(impl: pluggy.HookImpl, hook: str, arguments: Mapping[str, Any]) -> Any:
    wanted = {name: arguments[name] for name in impl.argnames}
    with _traced(impl.plugin_name, hook), guarded():
        return impl.function(**wanted)


@contextmanager
def _traced(plugin: str, hook: str) -> Iterator[None]:
    """Logs a call where it is asked for; never what it is given and returns, which is the customers' own."""
    if os.environ.get(TRACE) != "1":
        yield
        return
    began, outcome = perf_counter(), "returned"
    try:
        yield
    except BaseException as error:
        outcome = f"raised {type(error).__name__}"
        raise
    finally:
        took_ms = round((perf_counter() - began) * 1000, 3)
        logger("cxsdk.hooks").info("hook_called", hook=hook, plugin=plugin, took_ms=took_ms, outcome=outcome)


def _report(plugin: str, hook: str, error: Exception) -> None:
    bug = None if isinstance(error, CxsdkError) else error
    log = logger("cxsdk.hooks")
    log.error("hook_failed", plugin=plugin, hook=hook, error=str(error), kind=type(error).__name__, exc_info=bug)
