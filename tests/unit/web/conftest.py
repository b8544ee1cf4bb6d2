"""A survey page over a desk in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from cxsdk.domain.clock import ManualClock
from cxsdk.web.surveys import survey_routes
from cxsdk.webhooks.links import LinkSigner
from tests.unit.web.desk import Desk

START = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def signer() -> LinkSigner:
    return LinkSigner(b"a key of sixteen bytes or more")


@pytest.fixture
def link(signer: LinkSigner) -> str:
    return "/s/" + signer.sign("loyalty", START + timedelta(days=30))


@pytest.fixture
def page(desk: Desk, signer: LinkSigner, clock: ManualClock) -> Iterator[TestClient]:
    app = Starlette(routes=survey_routes(desk, signer, clock))
    with TestClient(app, follow_redirects=False) as client:
        yield client
