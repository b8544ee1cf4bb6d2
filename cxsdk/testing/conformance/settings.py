"""What every plugin owes: settings that are checked, secrets that are shown nowhere, nothing left behind."""

from __future__ import annotations

import io
import logging
import re
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from pydantic_core import PydanticSerializationError

from cxsdk.capabilities import Channel, Inbound, Plugin
from cxsdk.capabilities.crm import CRM
from cxsdk.errors import ConfigurationError, Unsupported
from cxsdk.observe.logs import formatter
from cxsdk.observe.redaction import secrets_in
from cxsdk.testing.conformance.base import Conformance, kind
from cxsdk.testing.conformance.rig import Rig
from cxsdk.testing.stand_in import Answer, CannotPlay, Fault

#: Values that fit no setting, or hardly any.
STRANGE: tuple[Any, ...] = (object(), ["\0"], {"\0": object()}, -(10**40), "\0", b"\xff")
#: How settings are called that hold a secret.
SECRET_NAME = re.compile(r"(token|secret|password|passwd|api_?key|private_?key)$", re.IGNORECASE)
#: Optional methods, and how each may be called without doing harm.
OPTIONAL: dict[str, Callable[[Any], Any]] = {
    "save_tasks": lambda plugin: list(plugin.save_tasks([])),
    "agents": lambda plugin: list(plugin.agents()),
    "find_written": lambda plugin: list(plugin.find_written([])),
    "send": lambda plugin: list(plugin.send([])),
    "sources": lambda plugin: dict(plugin.sources()),
    "pages": lambda plugin: plugin.pages(),
}


class PluginConformance(Conformance):
    """The tests of what is the same for all plugins."""

    @kind("settings are checked")
    def test_a_wrong_setting_gets_an_error_with_a_code(self) -> None:
        """A wrong value, an unknown setting, a missing one: ConfigurationError with a code, and nothing else."""
        plugin = self.bare()
        cls, given = type(plugin), {name: getattr(plugin, name) for name in plugin.model_fields_set - {"name"}}
        tries = [{**given, "no_such_setting": 1}]
        tries += [{**given, name: strange} for name in cls.model_fields for strange in STRANGE]
        tries += [{k: v for k, v in given.items() if k != name} for name in given]
        for settings in tries:
            what = next((n for n in cls.model_fields if n in settings and settings[n] is not given.get(n)), "a setting")
            try:
                cls(**settings)
            except ConfigurationError as error:
                self.demand(error.code and error.path, f"The error about {what} has no code or path.", error)
            except Exception as error:  # noqa: BLE001 - which error it is, is what is tested
                self.fail(
                    f"A wrong {what} raises {type(error).__name__} in place of ConfigurationError: in validators raise "
                    "ValueError with what is wanted, and look at the value's type first.",
                )  # fmt: skip
        with suppress(ConfigurationError):
            cls(**tries[0])
            self.fail('An unknown setting is taken: leave extra = "forbid" in the model\'s settings.')

    @kind("secrets are shown nowhere")
    def test_secrets_are_shown_nowhere(self) -> None:
        """No repr, dump, error or log holds a secret, also where the provider repeats it."""
        plugin = self.bare()
        for name, field in type(plugin).model_fields.items():
            is_plain = isinstance(getattr(plugin, name), str) and SECRET_NAME.search(name)
            self.demand(
                not is_plain, f"The setting {name} is a plain string: give it the type Secret.", field.annotation
            )
        secrets = [value for secret in secrets_in(plugin) if len(value := secret.reveal()) >= 4]
        if not secrets:
            self.skip("The plugin has no secrets.")
        for where, text in self._whatever_is_shown(secrets):
            shown = any(secret in text for secret in secrets)
            self.demand(
                not shown, f"A secret stands in {where}: keep secrets in Secret, reveal() only to send or compare."
            )

    @kind("open and close leave nothing behind")
    def test_open_and_close_leave_nothing_behind(self) -> None:
        """After close, no thread, socket or file is left that open or a call made."""
        with self.running() as rig:  # what is made once in a process is nobody's to close
            list(self.exercise(rig))
        threads, files = set(threading.enumerate()), _open_files()
        with self.running() as rig:
            list(self.exercise(rig))
        left = [f"thread {thread.name}" for thread in _stray_threads(threads)] + sorted(_open_files() - files)
        self.demand(not left, f"After close there is still {', '.join(left)}: end in close() what open() began.")

    @kind("what is not supported is not written")
    def test_what_is_not_supported_is_not_overridden(self) -> None:
        """The core asks whether a method is overridden: one that only says that it cannot is a promise broken."""
        plugin = self.bare()
        for method, call in OPTIONAL.items():
            if type(plugin).supports(method):
                with self.running() as rig:
                    self._is_real(rig, method, call)
        if isinstance(plugin, Channel) and plugin.supports("send"):
            self.demand(plugin.reaches, "send is there, but reaches is None: say which kind of identity it reaches.")
        if isinstance(plugin, Inbound):
            is_heard = not isinstance(plugin, CRM) or plugin.supports("sources") or plugin.supports("verify")
            self.demand(is_heard, "The CRM is Inbound, but has neither verify nor sources: nothing ever reaches parse.")

    def _is_real(self, rig: Rig, method: str, call: Callable[[Any], Any]) -> None:
        try:
            call(rig.plugin)
        except (NotImplementedError, Unsupported) as error:
            self.fail(
                f"{method} is overridden and raises {type(error).__name__}: leave the method out, so that the "
                "core knows "
                "that the plugin does not have it."
            )
        except Exception:  # noqa: BLE001, S110 - what else it does is another test's business
            pass

    def _whatever_is_shown(self, secrets: list[str]) -> Iterator[tuple[str, str]]:
        echo = {"message": f"Wrong credentials: {' '.join(secrets)}", "error": " ".join(secrets)}
        for fault, answer in ((None, None), (Fault.UNAUTHORIZED, Answer(401, echo)), (Fault.DOWN, Answer(500, echo))):
            with _captured() as shown, self.running() as rig:
                yield "repr or str", f"{rig.plugin!r} {rig.plugin}"
                yield "model_dump", _dumped(rig.plugin)
                with suppress(CannotPlay):
                    if fault is not None:
                        rig.provider.suffer(fault, answer)
                for what, attempt in self.exercise(rig):
                    yield f"what {what} gave", " ".join(map(repr, attempt.receipts))
                    yield f"the error of {what}", _all_of(attempt.error)
            yield "a log or on the terminal", shown.getvalue()


def _dumped(plugin: Plugin) -> str:
    found = str(plugin.model_dump())
    with suppress(PydanticSerializationError):  # a setting may be what JSON has no word for
        found += plugin.model_dump_json()
    return found


def _all_of(error: BaseException | None) -> str:
    if error is None:
        return ""
    return "\n".join([repr(error), str(vars(error)), "".join(traceback.format_exception(error))])


@contextmanager
def _captured() -> Iterator[io.StringIO]:
    """What is logged, the way cxsdk writes it, and what is printed."""
    shown, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(shown), root.level
    handler.setFormatter(formatter(as_json=True))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(shown), redirect_stderr(shown):
            yield shown
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def _open_files() -> set[str]:
    """The sockets and files of this process, where the system tells of them."""
    found: set[str] = set()
    for descriptor in Path("/proc/self/fd").glob("*"):
        with suppress(OSError):
            place = str(descriptor.readlink())
            found |= {place} if place.startswith("socket:") or Path(place).is_file() else set()
    return found


def _stray_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    """The threads that were not there before and do not end by themselves within a moment."""
    stray = [thread for thread in threading.enumerate() if thread not in before]
    for thread in stray:
        thread.join(0.2)
    return [thread for thread in stray if thread.is_alive()]
