"""A broker that is away costs delay only: web answers at once, nothing is lost, and nothing is done twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cxsdk_localcrm import LocalCRM
from tests.integration.cable import Cable, cabled
from tests.integration.processes import Deployment, deployed, eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]

BROKERS = pytest.mark.parametrize("road", ["redis_url", "amqp_url"], indirect=True)
HARMS = pytest.mark.parametrize("harm", [Cable.cut, Cable.clamp], ids=["dead", "silent"])
Harm = Callable[[Cable], None]
#: How long an acknowledgement may take, in seconds.
AT_ONCE_S = 2.0
#: How many calls are told of while the broker is away.
CALLS = 30


@pytest.fixture
def road(request: pytest.FixtureRequest) -> Iterator[tuple[Cable, str]]:
    """The cable to a broker, and the URL that leads over it."""
    with cabled(request.getfixturevalue(request.param)) as road:
        yield road


@pytest.fixture
def cable(road: tuple[Cable, str]) -> Cable:
    return road[0]


@pytest.fixture
def deployment(road: tuple[Cable, str], tmp_path: Path, postgres_url: str) -> Iterator[Deployment]:
    with deployed(tmp_path, postgres_url, road[1]) as deployment:
        yield deployment
        road[0].mend()  # so that all end well


def logged(deployment: Deployment) -> list[str]:
    with closing(LocalCRM(database=deployment.crm_file)) as crm:
        return [str(entry["key"]) for entry in crm.entries()]


def tell_calls(deployment: Deployment) -> float:
    """Tells of some calls, one after the other; how long the slowest answer took, in seconds."""
    slowest = 0.0
    for number in range(CALLS):
        began = time.monotonic()
        assert deployment.post("missed", f"c{number}") == 202
        slowest = max(slowest, time.monotonic() - began)
    return slowest


@BROKERS
@HARMS
def test_calls_are_acknowledged_at_once_without_the_broker_and_logged_once_it_is_back(
    deployment: Deployment, cable: Cable, harm: Harm
) -> None:
    deployment.start("worker")
    deployment.start("clock")
    harm(cable)
    deployment.start("web")
    assert tell_calls(deployment) < AT_ONCE_S
    eventually(lambda: "ring_lost" in deployment.log("web"))
    cable.mend()
    eventually(lambda: len(logged(deployment)) >= CALLS)
    assert len(set(logged(deployment))) == len(logged(deployment)) == CALLS


@BROKERS
def test_web_ends_soon_though_the_broker_is_silent(deployment: Deployment, cable: Cable) -> None:
    deployment.start_all()
    assert deployment.post("missed", "c1") == 202
    eventually(lambda: logged(deployment))  # web has reached the broker
    cable.clamp()
    assert deployment.post("missed", "c2") == 202
    began = time.monotonic()
    assert deployment.kill("web", signal.SIGTERM) == 0
    assert time.monotonic() - began < 15
