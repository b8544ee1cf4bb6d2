"""Cases, the promises made in them, and their tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from cxsdk.domain.case import CaseState, PromiseKind
from cxsdk.store.among import among
from cxsdk.store.engine import Store, Transaction
from cxsdk.store.prepared import Prepared
from cxsdk.store.rows import insert_for
from cxsdk.store.tables import cases, promises, tasks


def active(tx: Transaction, customer_id: str) -> Row[Any] | None:
    """The case of a customer that is not closed."""
    query = select(cases).where(cases.c.customer_id == customer_id, cases.c.state != CaseState.CLOSED.value)
    return tx.execute(query.order_by(cases.c.opened_at.desc())).first()


def of_customer(tx: Transaction, customer_id: str) -> Sequence[Row[Any]]:
    """All cases of a customer, closed or not."""
    return tx.execute(select(cases).where(cases.c.customer_id == customer_id)).all()


def by_ids(tx: Transaction, ids: Iterable[str]) -> Sequence[Row[Any]]:
    """These cases."""
    return tx.execute(select(cases).where(cases.c.id.in_(list(ids))).order_by(cases.c.id)).all()


def get(tx: Transaction, case_id: str) -> Row[Any] | None:
    """A case by id."""
    return tx.execute(select(cases).where(cases.c.id == case_id)).one_or_none()


def add(store: Store, tx: Transaction, row: Mapping[str, Any]) -> None:
    """Writes a new case."""
    tx.execute(insert_for(store)(cases).values(**row).on_conflict_do_nothing())


def change(tx: Transaction, case_id: str, **values: Any) -> None:
    """Writes values to a case."""
    tx.execute(update(cases).where(cases.c.id == case_id).values(**values))


def promise(store: Store, tx: Transaction, row: Mapping[str, Any]) -> bool:
    """Writes a promise; False where it was made before."""
    insert = insert_for(store)(promises).values(**row).on_conflict_do_nothing().returning(promises.c.id)
    return tx.scalar(insert) is not None


def promises_by_ids(tx: Transaction, ids: Iterable[str]) -> Sequence[Row[Any]]:
    """These promises."""
    return tx.execute(select(promises).where(promises.c.id.in_(list(ids))).order_by(promises.c.id)).all()


def promise_by_id(tx: Transaction, promise_id: str) -> Row[Any] | None:
    """A promise by id."""
    return tx.execute(select(promises).where(promises.c.id == promise_id)).one_or_none()


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
    return tx.execute(select(promises).where(promises.c.case_id == case_id).order_by(promises.c.made_at)).all()


def keep(tx: Transaction, promise_ids: Iterable[str], at: datetime) -> None:
    """Marks promises as kept at this moment."""
    mine = promises.c.id.in_(list(promise_ids)) & promises.c.kept_at.is_(None)
    tx.execute(update(promises).where(mine).values(kept_at=at))


def broke(tx: Transaction, promise_id: str, at: datetime) -> None:
    """Marks a promise as broken at this moment."""
    tx.execute(update(promises).where(promises.c.id == promise_id).values(broken_at=at))


def add_task(store: Store, tx: Transaction, row: Mapping[str, Any]) -> bool:
    """Writes a new task; False where it was there."""
    insert = insert_for(store)(tasks).values(**row).on_conflict_do_nothing().returning(tasks.c.id)
    return tx.scalar(insert) is not None


def task(tx: Transaction, task_id: str) -> Row[Any] | None:
    """A task by our id."""
    return tx.execute(select(tasks).where(tasks.c.id == task_id)).one_or_none()


def open_task(tx: Transaction, *, case_id: str | None = None, promise_id: str | None = None) -> Row[Any] | None:
    """The task of a case, or of a promise, that is not done."""
    mine = tasks.c.case_id == case_id if case_id is not None else tasks.c.promise_id == promise_id
    open_ = select(tasks).where(mine, tasks.c.done_at.is_(None), tasks.c.deleted_at.is_(None))
    return tx.execute(open_.order_by(tasks.c.created_at.desc())).first()


def change_task(tx: Transaction, task_id: str, **values: Any) -> Row[Any]:
    """Writes values to a task and raises its revision; returns it as it stands."""
    changed = update(tasks).where(tasks.c.id == task_id).values(revision=tasks.c.revision + 1, **values)
    return tx.execute(changed.returning(*tasks.c)).one()
