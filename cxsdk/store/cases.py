"""Cases, the promises made in them, and their tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, bindparam, select, update

from cxsdk.domain.case import CaseState, PromiseKind
from cxsdk.store.among import among
from cxsdk.store.engine import Transaction
from cxsdk.store.prepared import Prepared, prepared
from cxsdk.store.rows import insert_new, update_each
from cxsdk.store.tables import cases, promises, tasks


def active(tx: Transaction, customer_id: str) -> Row[Any] | None:
    """The case of a customer that is not closed."""
    return tx.execute(_ACTIVE, {"whose": customer_id}).first()


_ACTIVE = Prepared(
    select(cases)
    .where(cases.c.customer_id == bindparam("whose"), cases.c.state != CaseState.CLOSED.value)
    .order_by(cases.c.opened_at.desc())
)


def of_customer(tx: Transaction, customer_id: str) -> Sequence[Row[Any]]:
    """All cases of a customer, closed or not."""
    return tx.execute(_OF_CUSTOMER, {"whose": customer_id}).all()


_OF_CUSTOMER = Prepared(select(cases).where(cases.c.customer_id == bindparam("whose")))


def by_ids(tx: Transaction, ids: Iterable[str]) -> Sequence[Row[Any]]:
    """These cases."""
    return tx.execute(_by_ids(cases), {"ids": list(ids)}).all()


@prepared
def _by_ids(table: Table) -> Any:
    return select(table).where(among(table.c.id, "ids")).order_by(table.c.id)


def get(tx: Transaction, case_id: str) -> Row[Any] | None:
    """A case by id."""
    return next(iter(by_ids(tx, [case_id])), None)


def add(tx: Transaction, row: Mapping[str, Any]) -> None:
    """Writes a new case."""
    insert_new(tx, cases, [row])


def change(tx: Transaction, case_id: str, **values: Any) -> None:
    """Writes values to a case."""
    update_each(tx, cases, [{"id": case_id, **values}])


def promise(tx: Transaction, row: Mapping[str, Any]) -> bool:
    """Writes a promise; False where it was made before."""
    return bool(insert_new(tx, promises, [row], "id"))


def promises_by_ids(tx: Transaction, ids: Iterable[str]) -> Sequence[Row[Any]]:
    """These promises."""
    return tx.execute(_by_ids(promises), {"ids": list(ids)}).all()


def promise_by_id(tx: Transaction, promise_id: str) -> Row[Any] | None:
    """A promise by id."""
    return next(iter(promises_by_ids(tx, [promise_id])), None)


def unkept(tx: Transaction, customer_ids: Iterable[str], kinds: Iterable[PromiseKind]) -> Sequence[Row[Any]]:
    """Promises of these kinds to these customers that nobody has kept."""
    asked = {"ids": list(customer_ids), "kinds": [kind.value for kind in kinds]}
    return tx.execute(_UNKEPT, asked).all()


_UNKEPT = Prepared(
    select(promises)
    .where(
        among(promises.c.customer_id, "ids"),
        among(promises.c.kind, "kinds"),
        promises.c.kept_at.is_(None),
    )
    .order_by(promises.c.made_at)
)


def promises_of(tx: Transaction, case_id: str) -> Sequence[Row[Any]]:
    """All promises of a case, oldest first."""
    return tx.execute(_PROMISES_OF, {"of_case": case_id}).all()


_PROMISES_OF = Prepared(select(promises).where(promises.c.case_id == bindparam("of_case")).order_by(promises.c.made_at))


def keep(tx: Transaction, promise_ids: Iterable[str], at: datetime) -> None:
    """Marks promises as kept at this moment."""
    tx.execute(_KEEP, {"ids": list(promise_ids), "at": at})


_KEEP = Prepared(
    update(promises).where(among(promises.c.id, "ids"), promises.c.kept_at.is_(None)).values(kept_at=bindparam("at"))
)


def broke(tx: Transaction, promise_id: str, at: datetime) -> None:
    """Marks a promise as broken at this moment."""
    update_each(tx, promises, [{"id": promise_id, "broken_at": at}])


def add_task(tx: Transaction, row: Mapping[str, Any]) -> bool:
    """Writes a new task; False where it was there."""
    return bool(insert_new(tx, tasks, [row], "id"))


def task(tx: Transaction, task_id: str) -> Row[Any] | None:
    """A task by our id."""
    return tx.execute(_by_ids(tasks), {"ids": [task_id]}).one_or_none()


def open_task(tx: Transaction, *, case_id: str | None = None, promise_id: str | None = None) -> Row[Any] | None:
    """The task of a case, or of a promise, that is not done."""
    what, id = ("case_id", case_id) if case_id is not None else ("promise_id", promise_id)
    return tx.execute(_open_task(what), {"of": id}).first()


@prepared
def _open_task(what: str) -> Any:
    mine = tasks.c[what] == bindparam("of")
    open_ = select(tasks).where(mine, tasks.c.done_at.is_(None), tasks.c.deleted_at.is_(None))
    return open_.order_by(tasks.c.created_at.desc())


def change_task(tx: Transaction, task_id: str, **values: Any) -> Row[Any]:
    """Writes values to a task and raises its revision; returns it as it stands."""
    new = {f"new_{name}": value for name, value in values.items()}
    return tx.execute(_change_task(tuple(values)), {"task": task_id, **new}).one()


@prepared
def _change_task(names: tuple[str, ...]) -> Any:
    new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    changed = update(tasks).where(tasks.c.id == bindparam("task")).values(revision=tasks.c.revision + 1, **new)
    return changed.returning(*tasks.c)
