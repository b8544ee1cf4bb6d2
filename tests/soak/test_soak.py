"""The soak itself: its plan follows from the seed, its verdict sees what went wrong, and a short one finds nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.benchmarks.processes import ROOT
from tests.soak import crm, ledger
from tests.soak.ledger import Entry
from tests.soak.plan import GO_ON, KILL, MOODS, OK, STOP, Trouble, plan
from tests.soak.processes import Program, Supervisor
from tests.soak.soaking import Report
from tests.soak.verdict import judge

ROLES = {
    "web": ["upsert-web-0", "lookup-web-0"],
    "worker": ["upsert-worker-0", "lookup-worker-0"],
    "database": ["database"],
}
CRMS = ["upsert", "lookup"]
ACKED = {f"contact {number}": 100.0 + number for number in range(100)}
STORED = [Entry(what, at + 0.5) for what, at in ACKED.items()]


def a_plan(seed: int, duration_s: float = 120) -> list[Trouble]:
    return plan(seed, duration_s, ROLES, CRMS, steady=["lookup-worker-0"])


# The plan


def test_the_plan_follows_from_the_seed() -> None:
    assert a_plan(1) == a_plan(1)
    assert a_plan(1) != a_plan(2)


def test_troubles_come_in_their_order_while_there_is_load() -> None:
    at = [trouble.at for trouble in a_plan(1)]
    assert at == sorted(at)
    assert 0 <= at[0] < at[-1] < 120


def test_everybody_is_killed_and_every_mood_comes() -> None:
    troubles = a_plan(1)
    assert {trouble.whom for trouble in troubles if trouble.what == KILL} == {
        n for names in ROLES.values() for n in names
    }
    for account in CRMS:
        assert {trouble.what for trouble in troubles if trouble.whom == account} == {OK, *MOODS}


def test_who_is_stopped_goes_on_and_now_and_then_after_the_lease() -> None:
    troubles = a_plan(1, 600)
    stopped = [trouble for trouble in troubles if trouble.what == STOP and trouble.at < 590]
    ends = [min(t.at for t in troubles if (t.whom, t.what) == (s.whom, GO_ON) and t.at > s.at) for s in stopped]
    lasted = [end - stop.at for end, stop in zip(ends, stopped, strict=True)]
    assert min(lasted) < 2
    assert 4 < max(lasted) < 8


def test_who_is_steady_is_never_stopped() -> None:
    assert not [t for t in a_plan(1, 600) if (t.whom, t.what) == ("lookup-worker-0", STOP)]
    assert [t for t in a_plan(1, 600) if (t.whom, t.what) == ("lookup-worker-0", KILL)]


# The verdict


def test_what_is_there_once_is_neither_lost_nor_doubled() -> None:
    verdict = judge(ACKED, STORED)
    assert (verdict.acked, verdict.lost, verdict.doubled) == (100, [], [])
    assert verdict.is_clean


def test_a_removed_entry_is_lost_and_a_copied_one_doubled() -> None:
    verdict = judge(ACKED, [*STORED[:7], *STORED[8:], STORED[42]])
    assert (verdict.lost, verdict.doubled) == (["contact 7"], ["contact 42"])
    assert not verdict.is_clean


def test_what_is_there_three_times_is_doubled_twice() -> None:
    assert judge(ACKED, [*STORED, STORED[1], STORED[1]]).doubled == ["contact 1", "contact 1"]


def test_what_was_stored_and_never_acknowledged_is_not_held_against_us() -> None:
    assert judge(ACKED, [*STORED, Entry("contact 100", 200.0)]).is_clean


def test_a_person_there_twice_is_doubled() -> None:
    person = Entry("person phone:+12125550123", 100.0)
    assert judge(ACKED, [*STORED, person, person]).doubled == [person.what]


def test_lateness_counts_from_the_acknowledgement_to_the_first_record() -> None:
    late = [Entry(what, at + (30 if at > 197 else 2)) for what, at in ACKED.items()]
    again = [Entry(entry.what, entry.at + 60) for entry in late]
    assert judge(ACKED, late[:98]).late_p99_s == 2
    assert judge(ACKED, [*again, *late]).late_p99_s == 30
    assert judge(dict.fromkeys(ACKED, 1000.0), STORED).late_p99_s == 0
    assert judge({}, []).late_p99_s == 0


def test_a_line_of_the_ledger_that_is_being_written_is_not_read_yet(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    assert ledger.read(path) == []
    ledger.add(path, "contact 1")
    with path.open("a") as file:
        file.write('["contact 2", 1')
    assert [entry.what for entry in ledger.read(path, "upsert ")] == ["upsert contact 1"]


def test_the_line_counts() -> None:
    verdict = judge(ACKED, [*STORED[1:], STORED[1]])
    report = Report("cxsdk", 1, 60.0, verdict, kills=9, stops=3, moods={"ok": 5}, drained_s=4.2)
    assert report.line() == {
        "side": "cxsdk", "acked": 100, "lost": 1, "doubled": 1, "late_p99_s": 0.5, "seed": 1, "duration_s": 60.0,
        "kills": 9, "stops": 3, "moods": {"ok": 5}, "drained_s": 4.2,
    }  # fmt: skip


# Who is hit


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    supervisor = Supervisor()
    yield supervisor
    supervisor.end()


def test_who_is_killed_is_started_again(supervisor: Supervisor, tmp_path: Path) -> None:
    started: list[Program] = []

    def start() -> Program:
        started.append(Program(["sleep", "60"], log=tmp_path / "log"))
        return started[-1]

    supervisor.keep("sleeper", start)
    assert supervisor.signal("sleeper", signal.SIGKILL)
    until(started[0].has_ended)
    assert not supervisor.signal("sleeper", signal.SIGKILL)

    def is_there_again() -> bool:
        supervisor.tend()
        return len(started) == 2

    until(is_there_again)
    assert supervisor.signal("sleeper", signal.SIGCONT)


def test_a_program_is_hit_with_all_that_it_has_started(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = Program(["sh", "-c", "sleep 60 & echo $!; wait"], log=log)
    until(lambda: log.read_text().endswith("\n"))
    child = psutil.Process(int(log.read_text()))
    program.signal(signal.SIGSTOP)
    until(lambda: child.status() == psutil.STATUS_STOPPED)
    program.signal(signal.SIGCONT)
    until(lambda: child.status() == psutil.STATUS_SLEEPING)
    program.signal(signal.SIGKILL)
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    program.end()


def test_a_program_leaves_nobody_behind(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = Program(["sh", "-c", "sleep 60 & echo $!; wait"], log=log)
    until(lambda: log.read_text().endswith("\n"))
    child = psutil.Process(int(log.read_text()))
    program.end()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def until(look: Callable[[], object]) -> None:
    """Waits until it is so."""
    end = time.monotonic() + 30
    while not look():
        assert time.monotonic() < end
        time.sleep(0.02)


# The CRM


@pytest.mark.parametrize(
    ("mood", "status", "stored"),
    [
        (OK, 200, 4), ("429", 429, 0), ("5xx_before", 500, 0), ("5xx_after", 500, 4), ("timeout_before", 504, 0),
        ("timeout_after", 504, 4), ("partial", 200, 2), ("garbage", 200, 4),
    ],
)  # fmt: skip
def test_a_mood_tells_what_is_stored_and_answered(
    mood: str, status: int, stored: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crm, "SILENCE_S", 0)
    client = a_crm(tmp_path / "ledger", keeps_keys=True)
    client.post(f"/mood/{mood}")
    records = [{"key": f"k{number}", "comment": str(number)} for number in range(4)]
    assert client.post("/contacts", json=records).status_code == status
    assert len(ledger.read(tmp_path / "ledger")) == stored
    assert client.get("/calls").json() == {mood: 1}


@pytest.mark.parametrize(("keeps_keys", "times"), [(True, 1), (False, 2)])
def test_the_same_key_again_is_the_same_record_where_keys_are_kept(
    keeps_keys: bool, times: int, tmp_path: Path
) -> None:
    client = a_crm(tmp_path / "ledger", keeps_keys=keeps_keys)
    for _ in range(2):
        client.post("/contacts", json=[{"key": "k", "comment": "1"}])
    assert [entry.what for entry in ledger.read(tmp_path / "ledger")] == ["contact 1"] * times


def test_a_search_sees_what_was_written_once_it_has_lagged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = a_crm(tmp_path / "ledger", keeps_keys=False)
    [made] = client.post("/people", json=[{"key": "k", "identities": ["phone:+12125550123"]}]).json()
    assert client.post("/written/search", json=["k"]).json() == [None]
    assert client.post("/people/search", json=[["phone:+12125550123"]]).json() == [None]
    monkeypatch.setattr(crm, "LAG_S", 0)
    assert client.post("/written/search", json=["k", "other"]).json() == [made["id"], None]
    assert client.post("/people/search", json=[["other", "phone:+12125550123"]]).json() == [made["id"]]


def a_crm(book: Path, *, keeps_keys: bool) -> TestClient:
    return TestClient(Starlette(routes=crm.CRM(book, keeps_keys=keeps_keys).routes()))


# The soak


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_a_short_soak_loses_and_doubles_nothing() -> None:
    # This seed kills the database, a worker and the broker
    line = soaked("--duration", "8", "--rate", "25", "--seed", "195")
    assert (line["side"], line["lost"], line["doubled"]) == ("cxsdk", 0, 0)
    assert line["acked"] > 100
    assert line["kills"] > 1


def soaked(*arguments: str) -> dict[str, Any]:
    """The line of a soak."""
    soak = [sys.executable, "-m", "tests.soak", *arguments]
    done = subprocess.run(soak, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    line: dict[str, Any] = json.loads(done.stdout)
    return line
