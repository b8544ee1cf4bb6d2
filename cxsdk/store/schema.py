"""The schema's version: upgraded by ``cxsdk db upgrade``, checked before anything is served."""

from __future__ import annotations

from contextlib import closing
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from cxsdk.errors import ConfigurationError
from cxsdk.store.engine import Store


def upgrade(store: Store) -> str:
    """Brings the database to this version's schema, one migration at a time; tells the version it has then."""
    config = _config()
    with store.write() as tx:
        config.attributes["connection"] = tx.connection
        command.upgrade(config, "head")
    return current(store) or ""


def upgrade_sqlite(store: Store) -> None:
    """A file of one process is brought up to date by that process; a server's schema is the operator's."""
    with closing(store):
        if store.is_sqlite:
            upgrade(store)


def current(store: Store) -> str | None:
    """The version that the database has, or None where it has none of our tables."""
    with store.read() as tx:
        return MigrationContext.configure(tx.connection).get_current_revision()


def newest() -> str | None:
    """The version that this code wants."""
    return _scripts().get_current_head()


def check(store: Store) -> None:
    """Raises ConfigurationError where the database is older than the code.

    One that is newer is fine: migrations only add, so that old processes go on while new ones start.
    """
    version = current(store)
    known = [script.revision for script in _scripts().walk_revisions()]
    if version is None or (version in known and version != newest()):
        raise ConfigurationError(
            f"The database has schema {version or 'none'}, this version needs {newest()}.",
            path="CX.database",
            cure="Run: cxsdk db upgrade APP",
            code="schema_old",
        )


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "cxsdk.store:migrations")
    config.set_main_option("path_separator", "os")
    return config
