"""PostgreSQL and RabbitMQ."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from tests.crash.runs import Run, runs

DATABASE, BROKER = "postgresql", "amqp"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("run", runs(BROKER), ids=str)
def test_a_process_that_is_killed_here_loses_and_doubles_nothing(
    run: Run, outcomes: Mapping[Run, Future[None]]
) -> None:
    outcomes[run].result()
