"""What is counted, and by which formula a figure is made."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from inspect import cleandoc

from parts.calls import calls
from parts.layout import ROOT, plain, table
from parts.sources import Source, find, hidden, named

#: What a counter counts.
MEANINGS: Mapping[str, str] = {
    "api_items": "items that the ingest API took",
    "api_refused": "requests that the ingest API refused, by the error's code",
    "http_answers": "answers of providers, and calls without one: `ok`, or the error's code",
    "web_failed": "requests that were answered 500: defects of ours",
    "webhooks": "webhooks that were proven: `new`, the `same` again, or a `conflict`",
    "webhooks_refused": "webhooks that were refused, by the error's code",
}
#: Modules of figures, in the order of the page.
FIGURES = ("nps", "csat", "ces", "rates", "times", "sla", "series", "intervals")


def counters() -> Iterator[str]:
    """Every counter with its labels."""
    labels: dict[str, dict[str, None]] = defaultdict(dict)
    for _, call in calls():
        name = getattr(call.args[0], "value", None) if call.args and ast.unparse(call.func) == "count" else None
        if isinstance(name, str):
            labels[name].update(dict.fromkeys(f"`{word.arg}`" for word in call.keywords))
    if wrong := labels.keys() ^ MEANINGS.keys():
        sys.exit(f"What do these count, or who counts them? Correct MEANINGS: {', '.join(sorted(wrong))}.")
    rows = ((f"`{name}`", ", ".join(labels[name]), MEANINGS[name]) for name in sorted(labels))
    yield from table("counter", "labels", "counts", rows=rows)


def figures() -> Iterator[str]:
    """Every function that makes a figure, with its formula."""
    for module in FIGURES:
        place = f"cxsdk.metrics.{module}"
        tree = ast.parse((ROOT / "cxsdk/metrics" / f"{module}.py").read_text(encoding="utf-8"))
        for node in tree.body:
            source = find(place, named(node))
            if isinstance(node, ast.FunctionDef) and source and not hidden(node.name):
                yield from _figure(place, source)


def _figure(place: str, source: Source) -> Iterator[str]:
    node = source.node
    assert isinstance(node, ast.FunctionDef) and node.returns  # noqa: PT018, S101 - figures are typed
    signature = f"def {node.name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}: ..."
    heading = ("", f"### {node.name}", "", "```python", f"# {place}", signature, "```", "")
    yield from (*heading, plain(cleandoc(source.said)))
