"""What can happen: what plugins tell, what hooks hear of, and what the log says."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple, get_args

from cxsdk.domain.facts import EventKind, Fact
from parts.calls import calls
from parts.layout import table
from parts.sources import comment_at

LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
#: What an operator makes of a line of the log.
MEANINGS: Mapping[str, str] = {
    "account_broken": "An account does not work any more: `why`, and the `cure`. `on_account_broken` is told.",
    "account_recovered": "What was broken works again. `on_account_recovered` is told.",
    "account_rests": "An account's calls wait `until` then: a limit, an outage, refused credentials.",
    "account_unknown": "Work is owed to an account that is configured no more: configure it again, or drop its rows.",
    "agents_not_fetched": "The CRM did not tell its agents: contacts are logged without one until it does.",
    "answer_not_wanted": "A sender was gone before its answer: the record is stored, and may come again.",
    "answer_not_written": "What a provider answered could not be stored: the row is in doubt, and looked at again.",
    "asterisk_list_refused": "Asterisk does not show its calls: the manager user lacks the right that `cure` names.",
    "batch_folded_singly": "A batch of records could not be folded together: each is folded by itself.",
    "batch_looked_at_singly": "A batch of due looks failed together: each is looked at by itself.",
    "bitrix24_mark_failed": "A to-do, or a call's activity, in Bitrix24 did not get our key: it is there, without it.",
    "bitrix24_recording_failed": "Bitrix24 could not fetch the recording of a call: the call has it as a link alone.",
    "classify_failed": "A plugin's `classify` raised: the answer has HTTP's own meaning. The plugin has a bug.",
    "event_conflict": "A provider sent other bytes under an event's id: the first ones are kept, and 409 was answered.",
    "event_key_failed": "A plugin's `event_key` raised: a hash of the body serves. The plugin has a bug.",
    "fold_failed": "A record could not be folded, and is set aside with the reason: see `cxsdk dead`.",
    "incoming_lead_refused": "amoCRM did not take the incoming lead of a stranger: their contact is there without one.",
    "hook_called": "A hook was called; only with `CXSDK_TRACE_HOOKS=1`.",
    "hook_failed": "A hook raised, or returned what it must not: it counts as no answer. The plugin has a bug.",
    "http_answer": "What a provider answered; only at the level `DEBUG`.",
    "lane_failed": "Work on a lane broke off: it goes on after the lease. A defect of ours: report it.",
    "lease_not_renewed": "The clock could not say that it still reads a source: another may take it over.",
    "look_failed": "A due look could not be done: its row is kept with the reason. A defect of ours: report it.",
    "not_acknowledged": "Whoever waited at the provider was not told; the record itself is safe.",
    "parse_failed": "A plugin's `parse` raised, and not `BadInput`: the record is set aside. The plugin has a bug.",
    "plugin_broken": "An installed plugin cannot be used, and why.",
    "plugin_failed": "A plugin's outward method broke its contract: its rows are tried again, then set aside.",
    "plugin_raised": "A plugin's outward method raised what is no error of ours: the traceback leads to its bug.",
    "race_lost": "Two workers decided about the same people at once: one looks again.",
    "reconnect_needed": "A provider takes an account's grant no more: the `cure` names the command.",
    "record_refused": "The database refused a record, and its sender was told: it is not stored.",
    "response_without_invitation": "Somebody answered a form without an invitation of ours: the answer is nobody's.",
    "ring_lost": "The broker did not take a ring: the sweep rings again within a second.",
    "ring_not_taken_up": "A worker could not say that it came for a lane: it may be rung for once more.",
    "source_failed": "A source could not be read: it is read again in `again_in_s` seconds.",
    "source_taken_over": "Another process reads this source now.",
    "sources_failed": "A plugin's `sources` raised: nothing of this account is read. The plugin has a bug.",
    "store_unavailable": "The database does not answer: what is owed stays owed.",
    "sweep_failed": "A round of the clock broke off: the next one goes on. A defect of ours: report it.",
    "token_not_renewed": "A provider did not renew a token this time: it is asked again soon.",
    "token_renewed": "An account has a new token.",
    "usage_failed": "A plugin's `usage` raised: what the answer tells of limits is not used. The plugin has a bug.",
    "verify_failed": "A plugin's `verify` raised, and not `SignatureError`: nothing is taken. The plugin has a bug.",
}


class Logged(NamedTuple):
    """One line of code that logs an event."""

    event: str
    level: str
    fields: tuple[str, ...]
    module: str


def business_events() -> Iterator[str]:
    """The kinds of business events."""
    rows = ((f"`{kind}`", comment_at("cxsdk.domain.facts", "EventKind", kind.name)) for kind in EventKind)
    yield from table("kind", "what happened", rows=rows)


def facts() -> Iterator[str]:
    """What ``parse`` may return."""
    said = ((cls.__name__, _first(cls.__doc__ or "")) for cls in get_args(Fact))
    rows = ((f"[`{name}`](contract.md#{name.lower()})", words) for name, words in said)
    yield from table("fact", "what it says", rows=rows)


def told() -> Iterator[str]:
    """The hooks that hear of what happened."""
    from cxsdk.hooks import specs

    rows = (
        (f"[`{name}`](hooks.md#{name})", _first(spec.__doc__ or ""))
        for name, spec in vars(specs).items()
        if name.startswith("on_")
    )
    yield from table("hook", "what happened", rows=rows)


def _first(docstring: str) -> str:
    return docstring.strip().partition("\n\n")[0]


def log() -> Iterator[str]:
    """Every event of the log, with what to make of it."""
    by_event: dict[str, list[Logged]] = defaultdict(list)
    for one in logged():
        by_event[one.event].append(one)
    if wrong := by_event.keys() ^ MEANINGS.keys():
        sys.exit(f"What do these mean in the log, or who logs them? Correct MEANINGS: {', '.join(sorted(wrong))}.")
    rows = ((f"`{event}`", *_together(by_event[event]), MEANINGS[event]) for event in sorted(by_event))
    yield from table("event", "level", "with", "said in", "what it means", rows=rows)


def _together(places: list[Logged]) -> tuple[str, str, str]:
    levels = dict.fromkeys("error" if place.level == "exception" else place.level for place in places)
    fields = dict.fromkeys(f"`{field}`" for place in places for field in place.fields if field != "exc_info")
    return ", ".join(levels), ", ".join(fields), ", ".join(dict.fromkeys(f"`{place.module}`" for place in places))


def logged() -> Iterator[Logged]:
    """All that the code logs."""
    for module, call in calls():
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if name in LEVELS and call.args and isinstance(call.args[0], ast.Constant):
            fields = tuple(keyword.arg for keyword in call.keywords if keyword.arg)
            yield Logged(str(call.args[0].value), name, fields, module)
