"""What all conformance tests share: an open plugin, the stand-in of its provider, words for what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar, NoReturn, TypeVar

import pytest

from cxsdk.capabilities.plugin import Plugin
from cxsdk.domain.clock import ManualClock
from cxsdk.observe.redaction import redact, register_secrets
from cxsdk.testing.conformance.rig import Attempt, Rig
from cxsdk.testing.context import NOW, SampleContext
from cxsdk.testing.stand_in import CannotPlay, StandIn

Test = TypeVar("Test", bound=Callable[..., None])


def kind(name: str) -> Callable[[Test], Test]:
    """Says which kind of test this is; a kind is what a plugin can do wrong."""

    def mark(test: Test) -> Test:
        test.kind = name  # type: ignore[attr-defined]
        return test

    return mark


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
        context = SampleContext(plugin, clock=clock, granted=self.provider.granted)
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
