"""The one test of every pair. A module for each pair names its ``DATABASE`` and ``BROKER``; pairs run side by side."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from tests.crash.runs import Run


@pytest.mark.timeout(600)
def killed_here(run: Run, outcomes: Mapping[Run, Future[None]]) -> None:
    """A process that is killed here loses and doubles nothing."""
    outcomes[run].result()
