"""The plugin, opened beside a small Bitrix24 in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cxsdk import Secret
from cxsdk.testing import opened
from cxsdk_bitrix24 import Bitrix24
from tests.plugins.bitrix24.fake import TOKEN, WEBHOOK, FakeBitrix24


def bitrix24(**settings: Any) -> Bitrix24:
    """The plugin with sample settings."""
    return Bitrix24(**{"webhook": Secret(WEBHOOK), "application_token": Secret(TOKEN), **settings})


@pytest.fixture
def portal() -> Iterator[FakeBitrix24]:
    fake = FakeBitrix24()
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def crm(portal: FakeBitrix24) -> Iterator[Bitrix24]:
    with opened(bitrix24()) as plugin:
        yield plugin
