"""The units and the Compose file under examples/deploy: every command in them runs, works, and ends when it is told."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from sqlalchemy import make_url, text

from cxsdk.domain.clock import SystemClock
from cxsdk.store import Store
from cxsdk_localcrm import LocalCRM
from tests.deploy import ROOT, Process, services, units
from tests.integration.processes import PATIENCE_S, eventually, signed_call

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]

#: What each of the two ways calls its variables, and what stands in them here.
Files = Callable[[Mapping[str, str], int], list[Process]]
SECRET = "sample-telephony-secret"


@pytest.fixture
def values(tmp_path: Path, empty_postgres_url: str, redis_url: str) -> dict[str, str]:
    """What an operator fills in, for both brokers."""
    return {
        "CX_PUBLIC_URL": "https://cx.example.com",
        "CX_DATABASE": make_url(empty_postgres_url).set(drivername="postgresql").render_as_string(hide_password=False),
        "CX_BROKER": redis_url,
        "CX_SIGNING_KEY": "sample-key-of-sixteen-bytes-or-more",
        "CX_CRM_FILE": str(tmp_path / "crm.db"),
        "TELEPHONY_SECRET": SECRET,
    }


def by_systemd(values: Mapping[str, str], port: int) -> list[Process]:
    """What systemd starts, on PostgreSQL alone."""
    return units({**values, "CX_BROKER": "database://"}, port)


def by_compose(values: Mapping[str, str], port: int) -> list[Process]:
    """What Compose starts. The names of its containers and volumes stand in the file itself: here they are others."""
    here = {name: values[name] for name in ("CX_DATABASE", "CX_CRM_FILE")}
    return [replace(process, env={**process.env, **here}) for process in services(values, port)]


def web_port() -> int:
    """A free port of four digits, such that the one 10,000 above it is free as well."""
    return next(port for port in range(5001 + os.getpid() % 1000, 9999) if _is_free(port) and _is_free(port + 10_000))


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def run(process: Process, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs one of its commands to the end."""
    return subprocess.run(
        command, env=_env(process), cwd="/", capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def _env(process: Process) -> dict[str, str]:
    """Its own environment, and nothing of ours."""
    return {"PATH": os.defpath, **process.env}


@contextmanager
def started(process: Process, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The process, killed at the end if it has not ended."""
    with (folder / f"{process.name}.log").open("w") as log:
        running = subprocess.Popen(
            process.command, env=_env(process), cwd="/", stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


@pytest.mark.parametrize("files", [by_systemd, by_compose])
def test_what_the_files_start_takes_a_call_logs_it_and_ends_in_time(
    files: Files, values: dict[str, str], tmp_path: Path
) -> None:
    port = web_port()
    migration, *processes = files(values, port)
    assert (migration.role, {p.role for p in processes}) == ("db", {"web", "worker", "clock"})
    assert run(migration, migration.command).returncode == 0
    with ExitStack() as stack:
        running = {p.name: stack.enter_context(started(p, tmp_path)) for p in processes}
        for process in processes:
            assert running[process.name].stdout.readline(), (tmp_path / f"{process.name}.log").read_text()
            _is_ready(process)
        _takes_a_call(f"http://127.0.0.1:{port}")
        eventually(lambda: _logged(values["CX_CRM_FILE"]))
        began = time.monotonic()
        for process in running.values():
            process.send_signal(signal.SIGTERM)
        for process in processes:
            assert running[process.name].wait(timeout=PATIENCE_S) == 0
            assert time.monotonic() - began < process.grace_s


def _is_ready(process: Process) -> None:
    """Runs the check that the file has for it; web must have one."""
    if process.check is None:
        assert process.role != "web"
    elif shutil.which(process.check[0]) is None:
        pytest.skip(f"needs {process.check[0]}")
    else:
        done = run(process, process.check)
        assert done.returncode == 0, done.stderr


def _takes_a_call(url: str) -> None:
    for page in ("healthz", "readyz"):
        assert requests.get(f"{url}/{page}", timeout=10).status_code == 200
    body, headers = signed_call("missed", "c1", SECRET.encode())
    answer = requests.post(f"{url}/webhooks/telephony", data=body, headers=headers, timeout=10)
    assert answer.status_code == 202


def _logged(crm_file: str) -> int:
    with closing(LocalCRM(database=crm_file)) as crm:
        return len(list(crm.entries()))


QUERIES = re.findall(
    r"^```sql\n(.*?)^```$", (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)


def test_the_queries_on_the_page_are_true_of_the_tables(postgres_url: str) -> None:
    with closing(Store(postgres_url, SystemClock())) as store:
        queries = [query for block in QUERIES for query in block.split(";") if query.strip()]
        assert len(queries) >= 5
        for query in queries:
            with store.write() as tx:
                tx.execute(text(query))
