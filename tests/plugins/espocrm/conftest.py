"""The plugin, opened beside a small EspoCRM in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cxsdk import Secret
from cxsdk.testing import opened
from cxsdk_espocrm import EspoCRM
from tests.plugins.espocrm.fake import API_KEY, URL, WEBHOOK_ID, WEBHOOK_KEY, FakeEspoCRM


def espocrm(**settings: Any) -> EspoCRM:
    """The plugin with sample settings."""
    given = {"url": URL, "api_key": Secret(API_KEY), "default_user": "user-default", **settings}
    return EspoCRM(**given)


@pytest.fixture
def site() -> Iterator[FakeEspoCRM]:
    fake = FakeEspoCRM()
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def crm(site: FakeEspoCRM) -> Iterator[EspoCRM]:
    webhooks = {"Task.update": (WEBHOOK_ID, Secret(WEBHOOK_KEY))}
    with opened(espocrm(webhooks=webhooks, mail_address="support@example.com")) as plugin:
        yield plugin
