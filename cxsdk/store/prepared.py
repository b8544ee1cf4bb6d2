"""Statements that are built and compiled once for each kind of database, and then only run.

SQLAlchemy looks up the compiled form of a statement, the types of its parameters and of its columns each time that it
runs; on SQLite this takes several times as long as the statement itself. Of what is run for every batch it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial, wraps
from typing import Any, NamedTuple, ParamSpec, cast

from sqlalchemy import BindParameter, Connection, Dialect, Executable, Row, String, literal_column
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import replacement_traverse
from sqlalchemy.types import NullType, TypeEngine

#: The values of a statement's parameters, by name.
Given = Mapping[str, Any]
#: Of a statement that takes none.
NOTHING: Given = {}

_Process = Callable[[Any], Any]
_P = ParamSpec("_P")


class Rows(list[Row[*tuple[Any, ...]]]):
    """The rows that a statement brought, all of them."""

    def all(self) -> Rows:
        """The rows."""
        return self

    def first(self) -> Row[*tuple[Any, ...]] | None:
        """The first row, or None where there is none."""
        return self[0] if self else None

    def one(self) -> Row[*tuple[Any, ...]]:
        """The only row."""
        [row] = self
        return row

    def one_or_none(self) -> Row[*tuple[Any, ...]] | None:
        """The only row, or None where there is none."""
        return self.one() if self else None

    def scalars(self) -> list[Any]:
        """The first column of each row."""
        return [row[0] for row in self]

    def scalar(self) -> Any:
        """The first column of the first row, or None where there is none."""
        return self[0][0] if self else None


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


class _Parameter(NamedTuple):
    """A parameter: asked for, and how its value is written; or with a value that is part of the statement."""

    name: str
    is_asked: bool
    write: _Process | None
    value: Any

    @classmethod
    def of(cls, bind: BindParameter[Any], name: str, value: Any, dialect: Dialect) -> _Parameter:
        write = bind.type.dialect_impl(dialect).bind_processor(dialect)
        return cls(name, bind.required, write, value if bind.required or write is None else write(value))


@dataclass(frozen=True)
class _Plan:
    """The text of a statement, what its parameters take, and what its columns hold."""

    text: str
    takes: Sequence[_Parameter]
    is_ordered: bool  #: the driver takes them in this order, and not by name
    row: Callable[[Sequence[Any]], Row[*tuple[Any, ...]]] | None  #: makes a row of what the driver brings

    @classmethod
    def of(cls, statement: Any, dialect: Dialect) -> _Plan:
        compiled: SQLCompiler = _with_constants(statement).compile(dialect=dialect)
        if compiled.post_compile_params:
            raise TypeError(f"has a list of values, which belong into one parameter: {compiled}")
        values = compiled.params
        known = {name: _Parameter.of(bind, name, values[name], dialect) for bind, name in compiled.bind_names.items()}
        takes = [known[name] for name in compiled.positiontup or known]
        columns = list(getattr(statement, "exported_columns", ()))
        return cls(compiled.string, takes, compiled.positional, _making(columns, dialect) if columns else None)

    def filled(self, given: Given) -> Any:
        """The parameters as the driver takes them."""
        values = [
            (given[name] if write is None else write(given[name])) if is_asked else value
            for name, is_asked, write, value in self.takes
        ]
        return values if self.is_ordered else {each.name: value for each, value in zip(self.takes, values, strict=True)}

    def read(self, rows: Iterable[Sequence[Any]]) -> Rows:
        """The rows as they are meant."""
        return Rows(map(self.row, rows)) if self.row else Rows()


def _making(columns: Sequence[Any], dialect: Dialect) -> Callable[[Sequence[Any]], Row[*tuple[Any, ...]]]:
    """Makes rows with these columns as SQLAlchemy does, without the result around them."""
    keys = SimpleResultMetaData([str(column.key) for column in columns])
    reads: list[Any] = [_reading(column.type, dialect) for column in columns]
    return partial(Row, keys, reads if any(reads) else None, keys._key_to_index)  # noqa: SLF001 - as its own results do


def _with_constants(statement: Any) -> Any:
    """The statement with those of its parameters written out that are one text for ever.

    With ``state = $1`` PostgreSQL could use an index of owed rows only if it planned anew for each value of ``$1``.
    """

    def written_out(element: Any, **_: Any) -> Any:
        if not isinstance(element, BindParameter) or element.required or not isinstance(element.value, str):
            return None
        quoted = element.value.replace("'", "''")
        return literal_column(f"'{quoted}'", element.type) if isinstance(element.type, String | NullType) else None

    return replacement_traverse(statement, {}, written_out)


def _reading(type: TypeEngine[Any], dialect: Dialect) -> _Process | None:
    return type.dialect_impl(dialect).result_processor(dialect, None)


def run(connection: Connection, statement: Prepared, given: Given | Sequence[Given]) -> Rows:
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
        return cursor.fetchall() if plan.row else ()
    if plan.row:  # no driver gathers the rows of many runs
        return [row for each in given for row in _rows(cursor, plan, each)]
    cursor.executemany(plan.text, [plan.filled(each) for each in given])
    return ()
