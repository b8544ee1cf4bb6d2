"""What ``cxsdk doctor`` looks at without calling a provider: settings, plugins, broker, and the database."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from cxsdk.app import API_ACCOUNT, CX
from cxsdk.cli.abilities import has_webhook
from cxsdk.cli.findings import Finding, Severity, finding
from cxsdk.hooks import Hooks
from cxsdk.journeys.health import CALLS
from cxsdk.journeys.routing import ANY
from cxsdk.journeys.told import PREFIX
from cxsdk.observe import redact
from cxsdk.store import Store, Transaction
from cxsdk.store.condition import Lane, ailments, pauses
from cxsdk.store.work import set_aside

#: Work that has been due for so long should have been done.
PATIENCE = timedelta(minutes=1)
#: Work that has been due for so long waits too long, also where somebody works.
BEHIND = timedelta(minutes=5)
#: How far clocks may differ.
CLOCKS_DIFFER = timedelta(seconds=2)
#: How much of a disk should be free, in bytes.
FREE_BYTES = 10**9


def check_settings(cx: CX) -> Iterator[Finding]:
    """What the settings show by themselves."""
    yield from _public_url(cx)
    if cx.database.startswith("sqlite"):
        yield from _sqlite(cx)


def _public_url(cx: CX) -> Iterator[Finding]:
    needed = [account.name for account in cx.accounts() if has_webhook(account)]
    needed += ["survey links"] if cx.surveys else []
    if not needed:
        return
    told = f"{cx.public_url} is given to providers and customers: {', '.join(needed)}."
    if is_local(cx.public_url):
        severity = Severity.HINT if cx.broker.startswith("memory:") else None
        yield finding("public_url_local", "CX.public_url", f"Only this machine reaches it. {told}", severity)
    elif not cx.public_url.startswith("https:"):
        yield finding("public_url_insecure", "CX.public_url", f"It is not https. {told}")


def is_local(url: str) -> bool:
    """Whether an address leads to this machine alone."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _sqlite(cx: CX) -> Iterator[Finding]:
    if not is_local(cx.public_url):
        yield finding("sqlite_in_production", "CX.database")
    try:
        file = make_url(cx.database).database
    except ArgumentError:
        return  # told with its cure where the database is opened
    folder = Path(file or ".").absolute().parent
    if file and folder.is_dir() and (free := shutil.disk_usage(folder).free) < FREE_BYTES:
        yield finding("disk_low", str(folder), f"{free / 10**6:,.0f} MB are free in {folder}.")


def check_plugins(hooks: Hooks) -> Iterator[Finding]:
    """Plugins that were found and are left out: what cannot be imported, and hooks that could never be called."""
    for plugin in hooks.found:
        if plugin.problem:
            yield finding(plugin.code, plugin.name, redact(plugin.problem))


def check_broker(cx: CX, why_unreachable: Callable[[str, str], str]) -> Iterator[Finding]:
    """Whether the broker answers."""
    if why := why_unreachable(cx.broker, cx.database):
        yield finding("broker_unreachable", "CX.broker", f"The broker does not answer: {why}.")


def check_rows(cx: CX, store: Store, tx: Transaction, lanes: Sequence[Lane]) -> Iterator[Finding]:
    """What the rows show: a wrong clock, work that nobody does, broken accounts, what was set aside.

    ``lanes`` are those that owe something now.
    """
    yield from check_clocks(store, tx)
    yield from _lanes(cx, store, tx, lanes)
    for one in ailments(tx):
        if one.broken:
            part = f"{one.account}.{one.source or CALLS}"
            yield finding(one.broken, part, f"Since {_at(one.since)}: {redact(one.problem)}")
    if aside := set_aside(tx):
        told = ", ".join(f"{rows} {name.replace('_', ' ')}" for name, rows in aside.items())
        yield finding("rows_set_aside", "", f"Set aside: {told}.")


def check_clocks(store: Store, tx: Transaction) -> Iterator[Finding]:
    """Whether the database and this machine agree on the time."""
    differ = store.moment(tx) - store.clock.now()
    if abs(differ) > CLOCKS_DIFFER:
        yield finding(
            "clock_differs", "", f"The database's clock is {differ.total_seconds():+.1f} s from this machine's."
        )


def _lanes(cx: CX, store: Store, tx: Transaction, lanes: Sequence[Lane]) -> Iterator[Finding]:
    now, rested = store.moment(tx), pauses(tx)
    known = {API_ACCOUNT, ANY, *(account.name for account in cx.accounts())}
    for lane in lanes:
        account = account_of(lane.name)
        if account is not None and account not in known:
            yield finding(
                "account_removed", lane.name, f"{account} is configured no more; owed since {_at(lane.since)}."
            )
        elif code := what_is_wrong(_since_its_rest(lane, rested.get(account)), now, cx.broker):
            yield finding(code, lane.name, f"The oldest has been due since {_at(lane.since)}.")


def _since_its_rest(lane: Lane, until: datetime | None) -> Lane:
    """While an account rests, nobody is late."""
    return lane if until is None else lane._replace(since=max(lane.since, until))


def account_of(lane: str) -> str | None:
    """The account whose lane it is; None for a plugin's hooks and for looks of our own."""
    table, _, rest = lane.partition(":")
    if table == "inbox":
        return rest
    account = rest.rpartition(":")[0]
    return account if table == "outbox" and not account.startswith(PREFIX) else None


def what_is_wrong(lane: Lane, now: datetime, broker: str) -> str | None:
    """The code of what is wrong with a lane that owes something now, or None."""
    waited = now - lane.since
    if waited <= PATIENCE:
        return None
    if lane.is_worked:
        return "lane_behind" if waited > BEHIND else None
    if broker.startswith("memory:"):
        return "nothing_runs"
    # A clock rings anew; a ring that is a row of the database waits as it is
    is_rung = lane.rung_at is not None and (broker.startswith("database:") or now - lane.rung_at <= PATIENCE)
    return "worker_missing" if is_rung else "clock_missing"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
