"""What came of the replay: as a table for people, and as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group
from rich.table import Table

from cxsdk.demo.figures import Cases, Surveys, count_cases, count_surveys, measure_csat, measure_nps
from cxsdk.demo.ledger import Way
from cxsdk.demo.tally import Count, count_contacts
from cxsdk.demo.world import World
from cxsdk.journeys.runtime import Runtime
from cxsdk.metrics.intervals import Estimate
from cxsdk_localcrm import LocalCRM

REAL_OR_NOT = (
    "Real: who bought, on which day, how many and for how much. Simulated from the seed: times of day, all contacts, "
    "names, addresses, answers, agents. Everything between the sockets is the code that runs in production."
)


@dataclass(frozen=True)
class Report:
    """Every figure of a replay."""

    customers: int
    purchases: int
    contacts: dict[Way, Count]
    surveys: Surveys
    closing: Surveys
    nps: Estimate | None
    csat: Estimate | None
    cases: Cases
    tasks: int
    crm_calls: int
    crm_entries: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """One flat object, but for what is counted apart; what cannot be computed is null."""
        inbound, surveys = self.contacts[Way.IN], self.surveys
        return {
            **asdict(inbound),
            "outbound": asdict(self.contacts[Way.OUT]),
            "customers": self.customers,
            "purchases": self.purchases,
            **_of_surveys(surveys),
            "closing": _of_surveys(self.closing),
            **_of_estimate("nps", self.nps),
            **_of_estimate("csat", self.csat),
            "cases_opened": self.cases.opened,
            "cases_solved": self.cases.solved,
            "cases_late": self.cases.late,
            "tasks_opened": self.tasks,
            "crm_entries": self.crm_entries,
            "crm_calls_per_contact": _per(self.crm_calls, self.crm_entries),
            "seconds": round(self.seconds, 1),
        }

    def as_table(self) -> Group:
        """For a terminal."""
        table = Table(title="What came of it", title_justify="left", show_header=False)
        table.add_column(style="bold")
        table.add_column(justify="right")
        for label, value in self._rows():
            table.add_row(label, value)
            if not value:
                table.add_section()
        return Group(table, REAL_OR_NOT)

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield "customers / purchases (real)", f"{self.customers:,} / {self.purchases:,}"
        for way, label in ((Way.IN, "contacts in"), (Way.OUT, "contacts out, by agents")):
            count = self.contacts[way]
            yield f"{label}: received", f"{count.received:,}"
            yield "   logged / doubled / lost", f"{count.logged:,} / {count.doubled} / {count.lost}"
        yield from _survey_rows("surveys", self.surveys)
        yield "NPS (95 % interval)", _shown(self.nps)
        yield "CSAT, % (95 % interval)", _shown(self.csat)
        yield "cases opened / solved / late", f"{self.cases.opened} / {self.cases.solved} / {self.cases.late}"
        yield "tasks in the CRM", f"{self.tasks:,}"
        yield from _survey_rows("closing surveys", self.closing)
        yield "CRM calls per entry", f"{_per(self.crm_calls, self.crm_entries)}"
        yield "seconds", f"{self.seconds:.0f}"


def make_report(runtime: Runtime, crm: LocalCRM, world: World, seconds: float) -> Report:
    """Counts everything: contacts in the CRM by the senders' numbers, the rest in the installation's database."""
    entries, now = list(crm.entries()), runtime.clock.now()
    with runtime.store.read() as tx:
        return Report(
            customers=len(world.customers),
            purchases=world.purchases,
            contacts=count_contacts(entries, world.ledger),
            surveys=count_surveys(tx, now),
            closing=count_surveys(tx, now, closing=True),
            nps=measure_nps(tx),
            csat=measure_csat(tx),
            cases=count_cases(tx),
            tasks=sum(1 for _ in crm.tasks()),
            crm_calls=sum(crm.calls().values()),
            crm_entries=len(entries),
            seconds=seconds,
        )


def _of_surveys(surveys: Surveys) -> dict[str, Any]:
    rate = surveys.response_rate
    return {
        "surveys_due": surveys.due, "sent": surveys.sent, "held": surveys.held, "failed": surveys.failed,
        "skipped": surveys.skipped, "answered": surveys.answered,
        "response_rate": round(rate.value, 1) if rate else None,
    }  # fmt: skip


def _of_estimate(name: str, figure: Estimate | None) -> dict[str, float | int | None]:
    if figure is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    return {name: round(figure.value, 1), f"{name}_low": round(figure.low, 1), f"{name}_high": round(figure.high, 1)}


def _survey_rows(label: str, surveys: Surveys) -> Iterator[tuple[str, str]]:
    yield f"{label} due", f"{surveys.due:,}"
    yield "   sent / held / failed", f"{surveys.sent:,} / {surveys.held:,} / {surveys.failed:,}"
    for reason, number in surveys.skipped.items():
        yield f"   skipped: {reason.replace('_', ' ')}", f"{number:,}"
    rate = surveys.response_rate
    yield "   answered", f"{surveys.answered:,}" + (f" ({rate.value:.0f} %)" if rate else "")


def _shown(figure: Estimate | None) -> str:
    return f"{figure.value:.1f} ({figure.low:.1f} to {figure.high:.1f})" if figure else "no answers"


def _per(calls: int, entries: int) -> float | None:
    return round(calls / entries, 3) if entries else None
