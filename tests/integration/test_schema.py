"""The migrations make the very schema that the code declares, on both databases."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from cxsdk.domain.clock import SystemClock
from cxsdk.errors import ConfigurationError
from cxsdk.store import Store, schema
from cxsdk.store.tables import metadata


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/cx.db" if request.param == "sqlite" else request.getfixturevalue("empty_postgres_url")


def test_upgraded_databases_have_the_schema_that_the_code_declares(url: str) -> None:
    with closing(Store(url, SystemClock())) as store:
        assert schema.upgrade(store) == schema.newest()
        with store.read() as tx:
            differences = compare_metadata(MigrationContext.configure(tx.connection), metadata)
    assert differences == []


def test_upgrading_twice_changes_nothing(url: str) -> None:
    with closing(Store(url, SystemClock())) as store:
        assert schema.upgrade(store) == schema.upgrade(store)


def test_a_database_without_our_tables_is_refused_with_the_cure(url: str) -> None:
    with closing(Store(url, SystemClock())) as store, pytest.raises(ConfigurationError) as refused:
        schema.check(store)
    assert refused.value.code == "schema_old"
    assert "cxsdk db upgrade" in str(refused.value)


def test_a_database_of_a_newer_version_is_served(url: str) -> None:
    with closing(Store(url, SystemClock())) as store:
        schema.upgrade(store)
        with store.write() as tx:
            tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        schema.check(store)
