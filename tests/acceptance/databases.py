"""Both kinds of database, for tests of what is left to the database."""

from __future__ import annotations

import pytest

from tests.installing import migrate


def _sqlite(request: pytest.FixtureRequest) -> str:
    url = f"sqlite:///{request.getfixturevalue('tmp_path')}/cx.db"
    migrate(url)
    return url


def _postgresql(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("postgres_url"))


#: The parameters of a fixture; each tells the URL of a new database with all tables, given the fixture's request.
BOTH = [
    pytest.param(_sqlite, id="sqlite"),
    pytest.param(_postgresql, id="postgresql", marks=pytest.mark.integration),
]
