"""A process that writes the same people, entries and tasks as its twins, and completes some tasks: for the tests."""

from __future__ import annotations

import sys

from cxsdk import Direction, Kind, LogEntry, Person, Task, handle
from cxsdk.testing import NOW, opened
from cxsdk_localcrm import LocalCRM


def main(database: str, own: str) -> None:
    with opened(LocalCRM(database=database, durable=False)) as crm:
        for n in range(60):
            write(crm, n, own)


def write(crm: LocalCRM, n: int, own: str) -> None:
    """Person, entry and task number n, and a task of this process alone that is completed at once."""
    person = Person(key=f"{own}-{n}", identities=(handle("telegram", n),))
    id = crm.create_people([person])[0].id or ""
    entry = LogEntry(key=f"e{n}", person_id=id, kind=Kind.MESSAGE, direction=Direction.INBOUND, at=NOW, text=own)
    tasks = [Task(key=key, person_id=id, title="Call back", due=NOW) for key in (f"t{n}", f"{own}-t{n}")]
    receipts = [*crm.log([entry]), *crm.save_tasks(tasks)]
    if not all(receipt.is_done for receipt in receipts) or not crm.complete_task(receipts[-1].id or ""):
        raise SystemExit(f"refused: {receipts}")


if __name__ == "__main__":
    main(*sys.argv[1:])
