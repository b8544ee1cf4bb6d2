"""The demo: a small replay through everything, counted; and the command around it."""

from __future__ import annotations

import io
import json
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any, Self

import pytest
import requests
from sqlalchemy import Connection, Engine, event

from cxsdk.demo.ledger import Way
from cxsdk.demo.purchases import Purchase, first_customers, load_purchases
from cxsdk.demo.report import Report
from cxsdk.demo.stage import Stage, staged
from cxsdk.demo.tally import count_contacts, number_of
from cxsdk.store import prepared
from cxsdk.store.tables import metadata
from tests.children import Child, cxsdk

KEYS = {
    "received", "logged", "doubled", "lost", "surveys_due", "sent", "held", "skipped", "answered", "nps", "nps_low",
    "nps_high", "csat", "cases_opened", "cases_solved", "cases_late", "tasks_opened", "crm_calls_per_contact",
    "seconds",
}  # fmt: skip


def some_purchases() -> list[Purchase]:
    """Two months of sixty customers: long enough for a loyalty survey, short enough for a test."""
    return [purchase for purchase in first_customers(load_purchases(), 60) if purchase.day < date(1997, 3, 1)]


#: Tables that stay small, whatever happens.
SMALL = {"accounts", "tokens", "alembic_version"}


class Plans:
    """How SQLite goes about what workers and web ask it: the report and the replay itself are in the main thread."""

    def __init__(self) -> None:
        self.by_statement: dict[str, list[str]] = {}

    def __enter__(self) -> Self:
        event.listen(Engine, "before_cursor_execute", self._executed)
        self._rows, prepared._rows = prepared._rows, self._prepared
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(Engine, "before_cursor_execute", self._executed)
        prepared._rows = self._rows

    def _executed(self, _: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        self._explain(cursor, statement, parameters[0] if many else parameters)

    def _prepared(self, cursor: Any, plan: Any, given: Any) -> Sequence[Any]:
        if given or isinstance(given, Mapping):
            self._explain(cursor, plan.text, plan.filled(given if isinstance(given, Mapping) else given[0]))
        return self._rows(cursor, plan, given)

    def _explain(self, cursor: Any, statement: str, values: Any) -> None:
        reads = statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH"))
        if reads and statement not in self.by_statement and threading.current_thread() is not threading.main_thread():
            with closing(cursor.connection.cursor()) as asking:
                asking.execute(f"EXPLAIN QUERY PLAN {statement}", values)
                self.by_statement[statement] = [row[3] for row in asking.fetchall()]


class Played:
    """A replay that is over, and what its counts were."""

    def __init__(self, folder: Path, stage: Stage, report: Report, plans: Plans) -> None:
        self.plans = plans
        self.folder = folder
        self.stage = stage
        self.report = report
        self.json = report.as_json()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("demo")
    with Plans() as plans, staged(folder, some_purchases(), seed=1) as stage:
        yield Played(folder, stage, stage.play(io.StringIO()), plans)


def test_nothing_is_lost_and_nothing_doubled(played: Played) -> None:
    assert played.stage.world.ledger.refused == []
    for way in Way:
        count = played.report.contacts[way]
        assert count.received > 20
        assert (count.logged, count.doubled, count.lost) == (count.received, 0, 0)


def test_nothing_that_workers_and_web_ask_goes_through_a_whole_table(played: Played) -> None:
    plans = played.plans.by_statement
    scanned = [
        (match[1], statement)
        for statement, plan in plans.items()
        for step in plan
        if (match := re.fullmatch(r"SCAN (\w+)(?: USING .*)?", step)) and match[1] in set(metadata.tables) - SMALL
    ]
    assert len(plans) > 40
    assert scanned == []


def test_every_contact_lies_on_a_card_of_the_customer_whose_it_is(played: Played) -> None:
    owners = {
        known: customer.id
        for customer in played.stage.world.customers
        for known in (f"email:{customer.email}", f"phone:{customer.phone}", f"telegram:{customer.telegram}")
    }
    kinds = {"call": "phone", "email": "email", "message": "telegram"}
    cards = {person["id"]: {owners[known] for known in person["identities"]} for person in played.stage.crm.people()}
    for entry in played.stage.crm.entries():
        if entry["kind"] in kinds:
            assert cards[entry["person_id"]] == {owners[f"{kinds[entry['kind']]}:{entry['counterpart']}"]}


def test_all_purchases_were_told(played: Played) -> None:
    assert played.stage.world.till.told == len(some_purchases()) == played.json["purchases"]


def test_the_figures_are_all_there_and_add_up(played: Played) -> None:
    figures = played.json
    assert set(figures) >= KEYS
    assert figures["surveys_due"] == (
        figures["sent"] + figures["held"] + figures["failed"] + sum(figures["skipped"].values())
    )
    assert 0 < figures["answered"] <= figures["sent"]
    assert figures["cases_solved"] <= figures["cases_opened"]
    assert figures["crm_calls_per_contact"] > 0
    assert json.loads(json.dumps(figures)) == figures


def test_both_surveys_were_asked_and_invitations_arrived(played: Played) -> None:
    mails = [mail.data for mail in played.stage.world.others.smtp.received]
    messages = [message for message in played.stage.world.others.bot.sent if "reply_markup" in message]
    asked = sum(b"List-Unsubscribe" in mail for mail in mails) + len(messages)
    assert asked == played.report.surveys.sent + played.report.surveys.failed + played.report.closing.sent
    assert played.report.nps is not None
    assert played.report.csat is not None


def test_an_entry_taken_away_is_lost_and_one_copied_is_doubled(played: Played) -> None:
    entries = list(played.stage.crm.entries())
    mine = [entry["id"] for entry in entries if number_of(entry) in played.stage.world.ledger.acknowledged_of(Way.IN)]
    before = played.report.contacts[Way.IN]
    with closing(sqlite3.connect(played.folder / "crm.db")) as db, db:
        db.execute("CREATE TEMP TABLE copy AS SELECT * FROM entries WHERE id = ?", [mine[1]])
        db.execute("UPDATE copy SET id = (SELECT max(id) + 1 FROM entries), key = 'copy'")
        db.execute("INSERT INTO entries SELECT * FROM copy")
        db.execute("DELETE FROM entries WHERE id = ?", [mine[0]])
    after = count_contacts(played.stage.crm.entries(), played.stage.world.ledger)[Way.IN]
    assert (after.lost, after.doubled) == (before.lost + 1, before.doubled + 1)
    assert after.received == before.received


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from cxsdk.cli import main; main()", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=80, check=False)


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A file of a few purchases."""
    file = tmp_path / "few.txt"
    file.write_text("4 1 19970101 2 29.33\n21 2 19970101 3 63.34\n4 1 19970120 1 9.99\n", encoding="utf-8")
    return file


def test_the_last_line_is_one_json_object_and_the_same_seed_gives_the_same(few: Path) -> None:
    figures = [_last_line(run("--no-serve", "--json", "--purchases", str(few), "--seed", "3")) for _ in range(2)]
    for each in figures:
        del each["seconds"]
    assert figures[0] == figures[1]
    assert (figures[0]["purchases"], figures[0]["customers"]) == (3, 2)


def _last_line(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_file_that_is_none_is_told_with_its_line_and_the_cure(tmp_path: Path) -> None:
    file = tmp_path / "bad.txt"
    file.write_text("00004 0001 19970101 2 29.33\nyesterday\n", encoding="utf-8")
    done = Child(cxsdk, "demo", "--no-serve", "--purchases", str(file), log=tmp_path / "said")
    done.wait(60)
    assert done.code == 1
    assert "Line 2 of" in done.said()
    assert "Traceback" not in done.said()
    done.kill()


def test_after_the_replay_the_pages_are_served_until_somebody_ends_it(few: Path) -> None:
    command = [sys.executable, "-u", "-c", "from cxsdk.cli import main; main()", "demo", "--purchases", str(few)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as demo:
        assert demo.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = demo.stdout.readline()
            assert line, said
            said += line
        pages = [_fetch(url) for url in re.findall(r"http://\S+", said)]
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=40) == 0
    assert "Simulated" in said
    assert len(pages) == 2
    assert all("<html" in page for page in pages)


def _fetch(url: str) -> str:
    with requests.get(url, timeout=10) as response:
        response.raise_for_status()
        return response.text
