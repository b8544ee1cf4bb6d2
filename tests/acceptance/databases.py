"""Both kinds of database, for tests of what is left to the database."""

from __future__ import annotations

import pytest


def _sqlite(request: pytest.FixtureRequest) -> str:
    return f"sqlite:///{request.getfixturevalue('tmp_path')}/cx.db"


def _postgresql(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("postgres_url"))


#: The parameters of a fixture; each tells the URL of a new database, given the fixture's request.
BOTH = [
    pytest.param(_sqlite, id="sqlite"),
    pytest.param(_postgresql, id="postgresql", marks=pytest.mark.integration),
]
