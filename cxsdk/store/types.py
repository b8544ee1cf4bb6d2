"""Column types that behave the same on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC: timestamptz on PostgreSQL, microseconds since 1970 on SQLite, which has no such type."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type on this database."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True))

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """How a moment is written: without the layers between, for each batch has hundreds."""
        return partial(self.process_bind_param, dialect=dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """How a moment is read. PostgreSQL's driver gives it as it is meant: its connections are set to UTC."""
        return partial(self.process_result_value, dialect=dialect) if dialect.name == "sqlite" else None

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """A moment as the database takes it. A naive one is a bug of ours."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime may not reach the database")
        return (value - _EPOCH) // _MICROSECOND if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """A moment as SQLite gave it, aware and in UTC."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


#: JSON text on SQLite, jsonb on PostgreSQL.
Json = JSON().with_variant(JSONB(), "postgresql")

#: An automatic number: SQLite counts up by itself only for INTEGER.
AutoId = BigInteger().with_variant(Integer(), "sqlite")
