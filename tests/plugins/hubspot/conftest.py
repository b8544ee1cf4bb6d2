"""The plugin, opened beside a small HubSpot in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cxsdk import Secret
from cxsdk.testing import opened
from cxsdk_hubspot import HubSpot
from tests.plugins.hubspot.fake import CLIENT_ID, CLIENT_SECRET, TOKEN, FakeHubSpot


def hubspot(**settings: Any) -> HubSpot:
    """The plugin with sample settings."""
    return HubSpot(**{"access_token": Secret(TOKEN), "client_secret": Secret(CLIENT_SECRET), **settings})


def by_oauth(**settings: Any) -> HubSpot:
    """The plugin as an app that a person connects."""
    return HubSpot(**{"client_id": CLIENT_ID, "client_secret": Secret(CLIENT_SECRET), **settings})


@pytest.fixture
def account() -> Iterator[FakeHubSpot]:
    fake = FakeHubSpot()
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def crm(account: FakeHubSpot) -> Iterator[HubSpot]:
    with opened(hubspot()) as plugin:
        yield plugin
