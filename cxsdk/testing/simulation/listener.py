"""A plugin that only listens, and what it was told."""

from __future__ import annotations

from collections import Counter

from cxsdk.hooks import hookimpl
from cxsdk.testing.simulation.scene import Scene


class Listener:
    """A plugin that listens, and fails now and then."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.told: Counter[tuple[str, str]] = Counter()

    @hookimpl
    def on_case_opened(self, case_id: str) -> None:
        """A case was opened."""
        self._hear("case opened", case_id)

    @hookimpl
    def on_promise_broken(self, promise_id: str) -> None:
        """A promise was broken."""
        self._hear("promise broken", promise_id)

    def _hear(self, what: str, id: str) -> None:
        if self._scene.rng.random() < 0.05:
            raise RuntimeError("this plugin has a bad day")
        self.told[what, id] += 1
