"""What all conformance tests share: an open plugin, the stand-in of its provider, words for what is wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, is_dataclass
from datetime import datetime
from typing import Any, ClassVar, NoReturn, TypeVar

import pytest
from pydantic import BaseModel

from cxsdk.capabilities.plugin import Plugin
from cxsdk.domain.clock import ManualClock
from cxsdk.domain.outward import Outcome, Receipt
from cxsdk.errors import Rejected
from cxsdk.observe.redaction import redact, register_secrets
from cxsdk.testing.context import NOW, SampleContext
from cxsdk.testing.stand_in import CannotPlay, HttpStandIn, StandIn

Test = TypeVar("Test", bound=Callable[..., None])


def kind(name: str) -> Callable[[Test], Test]:
    """Says which kind of test this is; a kind is what a plugin can do wrong."""

    def mark(test: Test) -> Test:
        test.kind = name  # type: ignore[attr-defined]
        return test

    return mark


@dataclass
class Attempt:
    """What one call of an outward method gave: receipts, and perhaps an error about the rest."""

    values: Sequence[Any]
    receipts: list[Any] = field(default_factory=list)
    error: Exception | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the first value was refused for good."""
        refused = [r for r in self.receipts[:1] if isinstance(r, Receipt) and r.outcome is Outcome.REJECTED]
        return bool(refused) or (not self.receipts and isinstance(self.error, Rejected))

    @property
    def is_done(self) -> bool:
        """Whether the first value is said to be there."""
        return bool(self.receipts) and isinstance(self.receipts[0], Receipt) and self.receipts[0].is_done

    @property
    def is_unknown(self) -> bool:
        """Whether the first value is said to be there perhaps."""
        from cxsdk.errors import OutcomeUnknown

        if self.receipts:
            return isinstance(self.receipts[0], Receipt) and self.receipts[0].outcome is Outcome.UNKNOWN
        return isinstance(self.error, OutcomeUnknown)

    def __str__(self) -> str:
        said = [f"{r.outcome.value} id={r.id} {r.reason}".rstrip() if isinstance(r, Receipt) else repr(r)
                for r in self.receipts]  # fmt: skip
        said += [f"{type(self.error).__name__}: {self.error}"] if self.error else []
        return "; ".join(said) or "nothing"


class Rig:
    """One plugin, open, on the stand-in of its provider."""

    def __init__(self, plugin: Any, provider: StandIn, context: SampleContext, clock: ManualClock) -> None:
        self.plugin = plugin
        self.provider = provider
        self.context = context
        self.clock = clock

    def call(self, method: str, values: Sequence[Any]) -> Attempt:
        """One call of an outward method, as the core makes it."""
        attempt = Attempt(values)
        try:
            for receipt in getattr(self.plugin, method)(list(values)):
                attempt.receipts.append(receipt)
                if len(attempt.receipts) > len(values):
                    break
        except Exception as error:  # noqa: BLE001 - which error it is, is what is tested
            attempt.error = error
        return attempt

    def of(self, name: str, act: Callable[[], Sequence[Any]]) -> Attempt:
        """What another method gave."""
        try:
            return Attempt([name], list(act()))
        except Exception as error:  # noqa: BLE001 - as above
            return Attempt([name], [], error)

    def holding(self, text: str) -> list[tuple[str, Any]]:
        """The provider's records with this text anywhere in them."""
        found = self.provider.records()
        pairs = found.items() if isinstance(found, Mapping) else found
        return [(str(id), record) for id, record in pairs if text in words(record)]

    def requests_made(self) -> int:
        """How many requests the plugin has made so far."""
        if isinstance(self.provider, HttpStandIn):
            return len(self.provider.requests)
        return len(self.context.requests)

    def told(self) -> str:
        """What was asked and answered."""
        return self.provider.told() if isinstance(self.provider, HttpStandIn) else ""


class Conformance:
    """Subclass one of its subclasses in a test module, in a class whose name begins with ``Test``.

    Give ``plugin``, a new object of yours each time, and ``stand_in``, the provider as far as the plugin needs it.
    Whatever the plugin declares or overrides is tested; the rest is skipped and says why.
    """

    #: The class of the provider's stand-in. A new object of it is ``self.provider`` in each test.
    stand_in: ClassVar[type[StandIn] | None] = None

    #: The outward methods that are tested, each by itself.
    methods: ClassVar[Sequence[str]] = ()

    #: The stand-in of the present test.
    provider: Any

    def plugin(self) -> Any:
        """A new plugin object, with sample settings and secrets; it is not open yet."""
        self.fail(f"{type(self).__name__} has no plugin(): write `def plugin(self): return YourPlugin(...)`.")

    @classmethod
    def pytest_generate_tests(cls, metafunc: pytest.Metafunc) -> None:
        """Makes one test of each outward method."""
        if "method" in metafunc.fixturenames:
            metafunc.parametrize("method", cls.methods)

    def exercise(self, rig: Rig) -> Iterator[tuple[str, Attempt]]:
        """Uses the plugin a little: what was done, and what it gave."""
        return iter(())

    def fill(self, rig: Rig) -> None:
        """Lets something happen at the provider, for sources to read."""
        rig.provider.happen()

    # -- what tests use

    @contextmanager
    def running(self, now: datetime = NOW) -> Iterator[Rig]:
        """The plugin, opened on a new stand-in."""
        self.provider = self._new_stand_in()
        self.provider.start()
        try:
            with self.another(ManualClock(now)) as rig:
                yield rig
        finally:
            self.provider.stop()

    @contextmanager
    def another(self, clock: ManualClock) -> Iterator[Rig]:
        """One more object of the plugin, on the same stand-in: as after a restart."""
        plugin = self.made()
        register_secrets(plugin)
        context = SampleContext(plugin, clock=clock)
        try:
            plugin.open(context)
            yield Rig(plugin, self.provider, context, clock)
        finally:
            plugin.close()
            context.close()

    def _new_stand_in(self) -> StandIn:
        return (type(self).stand_in or StandIn)()

    def made(self) -> Plugin:
        """What the author's factory makes."""
        plugin = self.plugin()
        if not isinstance(plugin, Plugin):
            self.fail(f"plugin() must return a plugin, and returned {type(plugin).__name__}.")
        return plugin

    def bare(self) -> Plugin:
        """A plugin object that nobody opens, to ask what it declares."""
        self.provider = self._new_stand_in()
        self.provider.start()
        try:
            return self.made()
        finally:
            self.provider.stop()

    def supports(self, method: str) -> Any:
        """The plugin's class; skips where it does not have this method."""
        cls = type(self.bare())
        if not cls.supports(method):
            self.skip(f"{cls.__name__} does not override {method}.")
        return cls

    def suffering(self, rig: Rig, *args: Any, **options: Any) -> None:
        """Lets the stand-in fail; skips where it cannot."""
        self.demand(
            not rig.context.speaks_http or type(rig.provider).suffer is not StandIn.suffer,
            "The plugin speaks HTTP: derive stand_in from HttpStandIn, so that requests can fail.",
        )
        self.playing(rig.provider.suffer, *args, **options)

    def playing(self, act: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Lets the stand-in act; skips where it cannot."""
        try:
            return act(*args, **options)
        except CannotPlay as cannot:
            self.skip(f"The stand-in {type(self.provider).__name__} does not play this: {cannot}.")

    def promised(self, act: Callable[..., Any], *args: Any) -> Any:
        """Lets the stand-in act; fails where it cannot, although the plugin declares that it can."""
        try:
            return act(*args)
        except CannotPlay as cannot:
            who, what = type(self.provider).__name__, getattr(act, "__name__", "it")
            self.fail(f"The stand-in cannot {cannot}, which the plugin handles: write {what}() in {who}.")

    def asked(self, what: str, act: Callable[[], Iterable[Any]]) -> list[Any]:
        """All that a method gives; fails where it raises."""
        try:
            return list(act())
        except Exception as error:  # noqa: BLE001 - which error it is, tells what is wrong
            self.fail(f"{what} failed, although the provider did well: {type(error).__name__}: {error}")

    def demand(self, fulfilled: object, wrong: str, *evidence: object) -> None:
        """Fails unless fulfilled, with one sentence of what is wrong and what to do, and what was seen."""
        if not fulfilled:
            self.fail(wrong, *evidence)

    def fail(self, wrong: str, *evidence: object) -> NoReturn:
        """Fails the test; whatever it shows is redacted."""
        lines = [wrong, *(line.told() if isinstance(line, Rig) else f"  {line}" for line in evidence)]
        told = redact("\n".join(line for line in lines if line.strip())[:6000])
        raise pytest.fail.Exception(told, pytrace=False) from None

    def skip(self, why: str) -> NoReturn:
        """Skips the test."""
        pytest.skip(why)


def words(record: object) -> str:
    """All that a record says, in one text."""
    return "\n".join(_words(record))


def _words(value: object) -> Iterator[str]:
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    elif is_dataclass(value) and not isinstance(value, type):
        value = vars(value)
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (word for pair in value.items() for word in _words(pair))
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
    elif isinstance(value, Iterable):
        yield from (word for item in value for word in _words(item))
    else:
        yield str(value)


def stray_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    """The threads that were not there before and do not end by themselves within a moment."""
    stray = [thread for thread in threading.enumerate() if thread not in before]
    for thread in stray:
        thread.join(0.2)
    return [thread for thread in stray if thread.is_alive()]
