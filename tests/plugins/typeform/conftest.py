"""Typeform in memory, and the plugin opened beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cxsdk.testing import opened
from cxsdk_typeform import Typeform
from tests.plugins.typeform.fake import FakeTypeform, typeform


@pytest.fixture
def site() -> Iterator[FakeTypeform]:
    fake = FakeTypeform()
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def provider(site: FakeTypeform) -> Iterator[Typeform]:
    with opened(typeform()) as plugin:
        yield plugin
