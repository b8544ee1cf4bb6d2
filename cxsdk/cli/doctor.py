"""``cxsdk doctor``: what is wrong with an installation, and what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from cxsdk.app import CX
from cxsdk.cli import checks, live, shown
from cxsdk.cli.findings import Finding, Severity, finding, found_error
from cxsdk.cli.loading import app_argument, load_app, store_of
from cxsdk.errors import CxsdkError, StoreUnavailable
from cxsdk.hooks import Hooks, named
from cxsdk.store.condition import Lane, lanes_due


@dataclass
class Report:
    """All that was found."""

    findings: list[Finding] = field(default_factory=list)
    lanes: Sequence[Lane] = ()
    asked: list[live.Asked] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong; hints are not."""
        return all(one.severity is Severity.HINT for one in self.findings)

    def as_json(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {
            "ok": self.is_well,
            "findings": [one.as_json() for one in self.findings],
            "oldest_due": [{"lane": lane.name, "since": lane.since.isoformat()} for lane in self.lanes],
            "live": [{"account": one.account, "state": one.state, "said": one.said} for one in self.asked],
        }


@click.command()
@app_argument
@click.option("--live", "ask_providers", is_flag=True, help="Asks each account's provider, too, where its plugin can.")
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object.")
def command(app: str, ask_providers: bool, as_json: bool) -> None:
    """Looks for what is wrong: settings, plugins, database, broker, work that nobody does, broken accounts.

    Each finding has a stable code and a cure; docs/doctor.md lists them. The exit status is 1 where something is
    wrong; hints do not count. Nothing is changed, but that a SQLite file is brought up to date.
    """
    report = examine(app, ask_providers=ask_providers)
    if as_json:
        click.echo(shown.line(report.as_json()))
    else:
        click.echo(shown.storable(shown.plain("\n".join(_lines(report)))))
    if not report.is_well:
        sys.exit(1)


def examine(app: str, *, ask_providers: bool = False) -> Report:
    """Everything that can be looked at; what is broken ends no more than what depends on it."""
    report = Report()
    try:
        cx = load_app(app)
    except CxsdkError as error:
        report.findings.append(found_error(error))
        return report
    report.findings += checks.check_settings(cx)
    report.findings += checks.check_plugins(Hooks.load(extra=named(cx.plugins)))
    _look_at_broker(cx, report)
    _look_at_database(cx, report, ask_providers=ask_providers)
    return report


def _look_at_broker(cx: CX, report: Report) -> None:
    from cxsdk_workers.brokers import why_unreachable

    try:
        report.findings += checks.check_broker(cx, why_unreachable)
    except CxsdkError as error:
        report.findings.append(found_error(error))


def _look_at_database(cx: CX, report: Report, *, ask_providers: bool) -> None:
    try:
        with store_of(cx) as store:
            with store.read() as tx:
                report.lanes = lanes_due(store, tx)
                report.findings += checks.check_rows(cx, store, tx, report.lanes)
            if ask_providers:
                report.asked += [live.ask(cx, account, store) for account in cx.accounts()]
    except StoreUnavailable as error:
        report.findings.append(finding("database_unreachable", "CX.database", str(error)))
    except CxsdkError as error:
        report.findings.append(found_error(error))
    report.findings += [one.finding for one in report.asked if one.finding is not None]


def _lines(report: Report) -> Iterator[str]:
    for one in report.findings:
        yield f"{one.severity:<8} {one.code}{f'  {one.about}' if one.about else ''}"
        yield f"    {one.message}"
        if one.cure:
            yield f"    {one.cure}"
    if report.lanes:
        yield "\nThe oldest that is due"
        yield from (f"  {lane.name:<40} since {lane.since:%Y-%m-%d %H:%M:%S} UTC" for lane in report.lanes)
    if report.asked:
        yield "\nAccounts"
        yield from (f"  {one.account:<20} {one.state:<12} {one.said}" for one in report.asked)
    if report.is_well:
        yield "Nothing is wrong."
