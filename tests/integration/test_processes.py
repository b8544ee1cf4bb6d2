"""The loop as separate processes on PostgreSQL: with Redis, with RabbitMQ, and alone."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cxsdk_localcrm import LocalCRM
from tests.integration.processes import Deployment, deployed, eventually

pytestmark = pytest.mark.integration

ALONE = "database://"
BROKERS = pytest.mark.parametrize("deployment", ["redis_url", "amqp_url", ALONE], indirect=True)


@pytest.fixture
def deployment(request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str) -> Iterator[Deployment]:
    broker = request.param
    with deployed(tmp_path, postgres_url, broker if broker == ALONE else request.getfixturevalue(broker)) as deployment:
        yield deployment


def entries(deployment: Deployment) -> list[dict[str, object]]:
    crm = LocalCRM(database=deployment.crm_file)
    try:
        return list(crm.entries())
    finally:
        crm.close()


@BROKERS
def test_a_call_walks_from_web_to_the_crm_through_separate_processes(deployment: Deployment) -> None:
    deployment.start_all()
    assert [deployment.post(type, "c1") for type in ("ringing", "answered", "hung_up")] == [202, 202, 202]
    [entry] = eventually(lambda: entries(deployment))
    assert entry["state"] == "ended"


@BROKERS
def test_what_was_acknowledged_while_no_worker_ran_is_logged_when_one_does(deployment: Deployment) -> None:
    deployment.start("web")
    assert deployment.post("missed", "c1") == 202
    deployment.start("worker")
    deployment.start("clock")
    assert eventually(lambda: entries(deployment))


@pytest.mark.parametrize("deployment", ["redis_url", ALONE], indirect=True)
@pytest.mark.timeout(150)
def test_workers_that_are_killed_lose_nothing_and_double_nothing(deployment: Deployment) -> None:
    deployment.start_all()
    deployment.start("worker2", "worker")
    for number in range(200):
        assert deployment.post("missed", f"c{number}") == 202
        if number in (50, 100):
            deployment.kill("worker" if number == 50 else "worker2")
            deployment.start(f"worker{number}", "worker")
    eventually(lambda: len(entries(deployment)) == 200, within=80)
    keys = [entry["key"] for entry in entries(deployment)]
    assert len(set(keys)) == 200


@BROKERS
def test_every_process_ends_well_on_sigterm(deployment: Deployment) -> None:
    deployment.start_all()
    assert set(deployment.kill_all(["web", "worker", "clock"], signal.SIGTERM).values()) == {0}


@pytest.mark.parametrize("command", ["web", "worker"])
def test_an_old_schema_is_refused_with_the_cure(
    tmp_path: Path, empty_postgres_url: str, redis_url: str, command: str
) -> None:
    with deployed(tmp_path, empty_postgres_url, redis_url) as deployment:
        ended = deployment.run(command)
    assert ended.code == 1
    assert "cxsdk db upgrade APP" in ended.said


@pytest.mark.parametrize("command", ["web", "worker", "clock"])
def test_a_broker_in_one_process_is_refused_by_commands_of_several(tmp_path: Path, command: str) -> None:
    with deployed(tmp_path, f"sqlite:///{tmp_path}/cx.db", "memory://") as deployment:
        ended = deployment.run(command)
    assert ended.code == 1
    assert "broker_in_process" in ended.said
    assert "cxsdk run APP" in ended.said
