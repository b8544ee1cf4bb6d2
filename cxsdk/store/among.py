"""``column IN (many values)`` with all the values in one parameter.

A list of one parameter each would be another statement for each length: built anew by us, planned anew by PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Boolean, ColumnElement, Dialect, Integer, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


class _Many(TypeDecorator[Iterable[Any]]):
    """Any number of values in a text: an array's on PostgreSQL, a JSON array on SQLite."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Iterable[Any] | None, dialect: Dialect) -> Any:
        """The values as the database takes them."""
        values = list(value or ())
        return to_json(values).decode() if dialect.name == "sqlite" else _array(values)


def _is_number(column: ColumnElement[Any]) -> bool:
    return isinstance(column.type, Integer)


def _array(values: Iterable[Any]) -> str:
    """Values as PostgreSQL writes an array: the driver would look at each of them through a regular expression.

    https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """
    return "{" + ",".join([str(v) if isinstance(v, int) else _quoted(v) for v in values]) + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Among(FunctionElement[bool]):
    name = "among"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: object = None) -> Any:
        """Itself: as ``… = 1``, which it would be on SQLite otherwise, no index serves it."""
        return self


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether a column, of text or whole numbers, has one of the values of the parameter ``name``, any iterable."""
    return _Among(column, bindparam(name, type_=_Many()))


@compiles(_Among, "sqlite")
def _on_sqlite(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - both are the compiler's own


@compiles(_Among)
def _on_postgresql(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    kind = "BIGINT" if _is_number(next(iter(element.clauses))) else "VARCHAR"
    return f"{column} = ANY({values}::{kind}[])"
