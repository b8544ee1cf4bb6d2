"""The runs of a module, performed several at a time while its tests wait for their outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any

import pytest

from tests.crash.runs import EVERYTHING, Run, runs
from tests.crash.worlds import SERVERS, Pair, performing

#: Pairs on which processes are killed only where everything is asked for.
collect_ignore = [] if EVERYTHING else ["test_postgresql_rabbitmq.py", "test_postgresql_alone.py"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The runs of a module's pair."""
    if "run" in metafunc.fixturenames:
        metafunc.parametrize("run", runs(metafunc.module.BROKER), ids=str)


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, address_of: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[Run, Future[None]]]:
    """What became of each run that was asked for, on the module's ``DATABASE`` and ``BROKER``."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    wanted: list[Any] = [item.callspec.params["run"] for item in items if item.module is request.module]
    database, broker = request.module.DATABASE, request.module.BROKER
    addresses = {kind: address_of(SERVERS[kind]) for kind in (database, broker) if kind in SERVERS}
    with ExitStack() as stack:
        pair = Pair(database, broker, addresses, tmp_path_factory.mktemp("crash"), stack)
        with performing(pair, wanted) as outcomes:
            yield outcomes
