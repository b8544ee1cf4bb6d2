"""Statements that are built and compiled once for each kind of database, and then only run.

SQLAlchemy looks up the compiled form of a statement, the types of its parameters and of its columns each time that it
runs; on SQLite this takes several times as long as the statement itself. Of what is run for every batch it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, ParamSpec, cast

from sqlalchemy import Connection, Dialect, Executable, Result
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

#: The values of a statement's parameters, by name.
Given = Mapping[str, Any]
#: Of a statement that takes none.
NOTHING: Given = {}

_Process = Callable[[Any], Any]
_P = ParamSpec("_P")


class Prepared:
    """A statement whose parameters all have names: ``tx.execute(statement, {name: value})``.

    An INSERT names its columns, and no ``IN`` has a list of values: ``among`` takes many in one parameter.
    """

    def __init__(self, statement: Executable) -> None:
        self.statement = statement
        self._plans: dict[str, _Plan] = {}

    def plan(self, dialect: Dialect) -> _Plan:
        """How it is run on this kind of database."""
        plan = self._plans.get(dialect.name)
        if plan is None:
            plan = self._plans[dialect.name] = _Plan.of(self.statement, dialect)
        return plan


def prepared(build: Callable[_P, Any]) -> Callable[_P, Prepared]:
    """Makes a function that builds a statement from what can be hashed one that prepares it once for the same."""

    @cache
    @wraps(build)
    def kept(*args: _P.args, **kwargs: _P.kwargs) -> Prepared:
        return Prepared(build(*args, **kwargs))

    return cast("Callable[_P, Prepared]", kept)


@dataclass(frozen=True)
class _Plan:
    """The text of a statement, what its parameters take, and what its columns hold."""

    text: str
    places: Sequence[str] | None  #: the parameters in order; None where the driver takes them by name
    fixed: Given  #: values that are part of the statement, as the driver takes them
    asked: Sequence[tuple[str, _Process | None]]
    columns: SimpleResultMetaData | None
    reads: Sequence[tuple[int, _Process]]

    @classmethod
    def of(cls, statement: Any, dialect: Dialect) -> _Plan:
        compiled: SQLCompiler = statement.compile(dialect=dialect)
        if compiled.post_compile_params:
            raise TypeError(f"has a list of values, which belong into one parameter: {compiled}")
        writes = {name: _writing(bind.type, dialect) for bind, name in compiled.bind_names.items()}
        required = {name for bind, name in compiled.bind_names.items() if bind.required}
        fixed = {name: _as(writes[name], value) for name, value in compiled.params.items() if name not in required}
        asked = [(name, writes[name]) for name in sorted(required)]
        columns = list(getattr(statement, "exported_columns", ()))
        reads = [(place, read) for place, column in enumerate(columns) if (read := _reading(column.type, dialect))]
        keys = SimpleResultMetaData([str(column.key) for column in columns]) if columns else None
        return cls(compiled.string, compiled.positiontup, fixed, asked, keys, reads)

    def filled(self, given: Given) -> Any:
        """The parameters as the driver takes them."""
        values = dict(self.fixed)
        for name, write in self.asked:
            value = given[name]
            values[name] = value if write is None else write(value)
        return values if self.places is None else [values[name] for name in self.places]

    def read(self, rows: Iterable[Sequence[Any]]) -> Result[*tuple[Any, ...]]:
        """The rows as they are meant."""
        if self.columns is None:
            return IteratorResult(_NO_COLUMNS, iter(()))
        return IteratorResult(self.columns, iter([self._meant(row) for row in rows] if self.reads else list(rows)))

    def _meant(self, row: Sequence[Any]) -> tuple[Any, ...]:
        values = list(row)
        for place, read in self.reads:
            values[place] = read(values[place])
        return tuple(values)


_NO_COLUMNS = SimpleResultMetaData([])


def _writing(type: TypeEngine[Any], dialect: Dialect) -> _Process | None:
    return type.dialect_impl(dialect).bind_processor(dialect)


def _reading(type: TypeEngine[Any], dialect: Dialect) -> _Process | None:
    return type.dialect_impl(dialect).result_processor(dialect, None)


def _as(process: _Process | None, value: Any) -> Any:
    return value if process is None else process(value)


def run(connection: Connection, statement: Prepared, given: Given | Sequence[Given]) -> Result[*tuple[Any, ...]]:
    """Runs a statement: once with these parameters, or once with each of several."""
    plan = statement.plan(connection.dialect)
    cursor: DBAPICursor | None = None
    try:
        cursor = connection.connection.cursor()
        return plan.read(_rows(cursor, plan, given))
    except BaseException as error:  # noqa: BLE001 - as with SQLAlchemy's own: it tells lost connections from other errors
        connection._handle_dbapi_exception(error, plan.text, None, cursor, None)  # noqa: SLF001
    finally:
        if cursor is not None:
            cursor.close()


def _rows(cursor: DBAPICursor, plan: _Plan, given: Given | Sequence[Given]) -> Sequence[Any]:
    if isinstance(given, Mapping):
        cursor.execute(plan.text, plan.filled(given))
        return cursor.fetchall() if plan.columns else ()
    if plan.columns:  # no driver gathers the rows of many runs
        return [row for each in given for row in _rows(cursor, plan, each)]
    cursor.executemany(plan.text, [plan.filled(each) for each in given])
    return ()
