"""The plugin, opened beside a small amoCRM in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cxsdk import Secret
from cxsdk.testing import opened
from cxsdk_amocrm import AmoCRM
from tests.plugins.amocrm.fake import SECRET, TOKEN, FakeAmoCRM


def amocrm(**settings: Any) -> AmoCRM:
    """The plugin with sample settings."""
    usual = {"account": "example.amocrm.ru", "access_token": Secret(TOKEN), "webhook_secret": Secret(SECRET)}
    return AmoCRM(**{**usual, **settings})


@pytest.fixture
def account() -> Iterator[FakeAmoCRM]:
    fake = FakeAmoCRM()
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def crm(account: FakeAmoCRM) -> Iterator[AmoCRM]:
    with opened(amocrm()) as plugin:
        yield plugin
