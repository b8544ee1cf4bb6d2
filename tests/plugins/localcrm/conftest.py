"""A CRM in a file of its own for each test, at noon of 2026-01-05 UTC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cxsdk import Person, phone
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, opened
from cxsdk_localcrm import LocalCRM


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def crm(tmp_path: Path, clock: ManualClock) -> Iterator[LocalCRM]:
    with opened(LocalCRM(database=str(tmp_path / "crm.db"), durable=False), clock=clock) as crm:
        yield crm


@pytest.fixture
def person_id(crm: LocalCRM) -> str:
    """The id of a person who is there already."""
    [receipt] = crm.create_people([Person(key="sample", name="Sample Person", identities=(phone("+12125550123"),))])
    assert receipt.id
    return receipt.id
