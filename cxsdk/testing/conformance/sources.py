"""What a source owes: pages that end, a cursor that moves, and nothing again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cxsdk.capabilities import Inbound
from cxsdk.domain.raw import Page
from cxsdk.testing.conformance.base import kind
from cxsdk.testing.conformance.parsing import ParsingConformance
from cxsdk.testing.conformance.rig import Rig
from cxsdk.testing.context import walk

#: More pages than a stand-in holds: a source that gives more does not end.
PAGES = 200
#: How long a stream is let run before it is told to stop, in seconds.
PATIENCE_S = 1.0


class SourceConformance(ParsingConformance):
    """The tests of what is read on and on."""

    @kind("sources end and go on")
    def test_a_source_ends_and_goes_on_after_its_cursor(self) -> None:
        """Reading ends, each page moves the cursor, and from the last cursor nothing comes again."""
        with self.reading() as (rig, names):
            for name in names:
                pages = self.pages(rig, name, None)
                self.demand(
                    len(pages) < PAGES,
                    f"The source {name} does not end: return when the provider has nothing new, and look at stop.", rig,
                )  # fmt: skip
                ids = [raw.id for page in pages for raw in page.items]
                self.demand(
                    ids,
                    f"The source {name} brings nothing: let happen() of the stand-in make records that it reads.",
                    rig,
                )
                self._moves(name, pages)
                self._brings_nothing_again(rig, name, pages, ids)

    def _moves(self, name: str, pages: list[Page]) -> None:
        cursors = [page.cursor for page in pages if page.items]
        self.demand(
            None not in cursors and len(set(cursors)) == len(cursors),
            f"The cursor of {name} goes {cursors[:5]}: give each page the cursor from which the next one is read.",
        )

    def _brings_nothing_again(self, rig: Rig, name: str, pages: list[Page], ids: list[str]) -> None:
        twice = sorted({id for id in ids if ids.count(id) > 1})
        self.demand(
            not twice, f"The source {name} brings {twice[:3]} more than once in one reading: move the cursor on."
        )
        with self.another(rig.clock) as restarted:
            again = [raw.id for page in self.pages(restarted, name, pages[-1].cursor) for raw in page.items]
        self.demand(
            not set(ids) & set(again),
            f"Read from its last cursor, {name} brings {sorted(set(ids) & set(again))[:3]} again: ask for what is "
            "after it.",
        )
        self.demand(not again, f"Read from its last cursor, {name} brings {again[:3]}, and nothing has happened since.")

    @contextmanager
    def reading(self) -> Iterator[tuple[Rig, list[str]]]:
        """The plugin, and the names of its sources; skips where it has none."""
        if not (isinstance(plugin := self.bare(), Inbound) and plugin.supports("sources")):
            self.skip("The plugin has no sources.")
        with self.running() as rig:
            names = list(rig.plugin.sources())
            if not names:
                self.skip("With these settings the plugin has no source.")
            self.fill(rig)
            yield rig, names

    def pages(self, rig: Rig, source: str, cursor: str | None) -> list[Page]:
        """All pages after the cursor; a stream is told to stop after a moment, or when it waits."""
        stop = _Stop()
        timer = threading.Timer(PATIENCE_S, stop.set)
        timer.daemon = True
        timer.start()
        try:
            return list(walk(rig.plugin, source, cursor, stop, PAGES))
        finally:
            timer.cancel()
            timer.join()


class _Stop(threading.Event):
    """Told to stop as soon as the reader has nothing to do but wait."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True
