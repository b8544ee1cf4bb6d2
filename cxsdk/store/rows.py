"""Writing many rows in one statement, the same statement whatever their number.

SQLite runs a statement once for each row, which is the fastest that it can. To PostgreSQL the rows go over as one JSON
array, which ``jsonb_to_recordset`` takes apart there: a list of values for each row would be another statement for each
number of rows, with thousands of parameters, of which reading and planning costs several times as much as the rows.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json
from sqlalchemy import (
    LargeBinary,
    Subquery,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from cxsdk.store.engine import Store, Transaction
from cxsdk.store.prepared import Prepared, prepared

Row = Mapping[str, Any]


def insert_new(tx: Transaction, table: Table, rows: Sequence[Row], *told: str) -> list[tuple[Any, ...]]:
    """Inserts those of these rows that no row of the table speaks against, in their order; tells these columns of each.

    Rows are mappings with the same keys, names of columns, those that are told among them; there is at least one.
    """
    names, values = tuple(rows[0]), given(tx, table, rows)
    if told and len(rows) >= _MANY and tx.dialect.name == "sqlite" and _are_all_new(tx, table, names, values):
        return [tuple(row[name] for name in told) for row in rows]
    return [tuple(row) for row in tx.execute(_insert_new(tx.dialect.name, table, names, told), values)]


def _are_all_new(tx: Transaction, table: Table, names: tuple[str, ...], values: Sequence[Row]) -> bool:
    """Inserts rows on SQLite if all of them are new, as they mostly are: to be told of each takes twice as long."""
    before = tx.scalar(_CHANGES)
    tx.execute(_BEGIN_TRYING)
    tx.execute(_insert_new("sqlite", table, names, ()), values)
    are_new = bool(tx.scalar(_CHANGES) - before == len(values))
    if not are_new:
        tx.execute(_TAKE_BACK)
    return are_new


#: From how many rows on that is worth its own statements.
_MANY = 8
_CHANGES = Prepared(select(func.total_changes()))
_BEGIN_TRYING, _TAKE_BACK = Prepared(text("SAVEPOINT all_new")), Prepared(text("ROLLBACK TO all_new"))


def update_each(tx: Transaction, table: Table, rows: Sequence[Row]) -> None:
    """Writes to each row of the table its own values: mappings with the same keys, columns, ``id`` among them.

    Of two for the same row the later one holds.
    """
    if rows:
        last = list({row["id"]: row for row in rows}.values())
        tx.execute(_update_each(tx.dialect.name, table, tuple(rows[0])), given(tx, table, last, prefix=_GIVEN))


def inserting(on: str, table: Table, names: Sequence[str]) -> Any:
    """An INSERT of ``given`` rows on the database of this name, to which ON CONFLICT and RETURNING may be added."""
    if on == "sqlite":
        return sqlite.insert(table).values({name: bindparam(name) for name in names})
    return postgresql.insert(table).from_select(list(names), select(*_unpacked(table, names).c))


def given(tx: Transaction, table: Table, rows: Sequence[Row], *, prefix: str = "") -> Any:
    """The parameters of a statement that writes these rows."""
    if tx.dialect.name == "sqlite":
        return [{f"{prefix}{name}": value for name, value in row.items()} for row in rows]
    binary = [name for name in rows[0] if _is_binary(table, name)]
    told = [{**row, **{name: _in_base64(row[name]) for name in binary}} for row in rows] if binary else rows
    return {"rows": to_json(told).decode()}


def insert_for(store: Store) -> Any:
    """The INSERT of this database, which knows ON CONFLICT."""
    return sqlite.insert if store.is_sqlite else postgresql.insert


#: Before the names of parameters of an UPDATE, which may not be those of columns.
_GIVEN = "given_"


@prepared
def _insert_new(on: str, table: Table, names: tuple[str, ...], returning: tuple[str, ...]) -> Any:
    insert = inserting(on, table, names).on_conflict_do_nothing()
    return insert.returning(*(table.c[name] for name in returning)) if returning else insert


@prepared
def _update_each(on: str, table: Table, names: tuple[str, ...]) -> Any:
    new: Any = (
        {name: bindparam(f"{_GIVEN}{name}") for name in names} if on == "sqlite" else dict(_unpacked(table, names).c)
    )
    which = table.c.id == new.pop("id")
    return update(table).where(which).values(new)


def _unpacked(table: Table, names: Sequence[str]) -> Subquery:
    """The rows of one JSON array as a table with these columns, of the types that they have in ``table``."""
    columns = [column(name, Text() if _is_binary(table, name) else table.c[name].type) for name in names]
    array = cast(bindparam("rows", type_=Text), postgresql.JSONB)
    record = func.jsonb_to_recordset(array).table_valued(*columns).render_derived("r", with_types=True)
    values = [func.decode(record.c[name], "base64") if _is_binary(table, name) else record.c[name] for name in names]
    return select(*(value.label(name) for name, value in zip(names, values, strict=True))).subquery("given")


def _is_binary(table: Table, name: str) -> bool:
    return isinstance(table.c[name].type, LargeBinary)


def _in_base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode("ascii")
