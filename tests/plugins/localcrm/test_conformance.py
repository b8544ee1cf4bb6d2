"""The local CRM passes the conformance kit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cxsdk.testing import CRMConformance, StandIn, opened
from cxsdk_localcrm import LocalCRM


class File(StandIn):
    """The file in which the local CRM keeps what it has; nothing lies between, so that nothing is lost on the way."""

    def start(self) -> None:
        self._directory = TemporaryDirectory()

    def stop(self) -> None:
        self._directory.cleanup()

    def crm(self) -> LocalCRM:
        return LocalCRM(database=str(Path(self._directory.name) / "crm.db"), durable=False)

    def records(self) -> Iterator[tuple[str, Any]]:
        with opened(self.crm()) as crm:
            for kind in (crm.people(), crm.entries(), crm.tasks()):
                yield from [(row["id"], row) for row in kind]

    def complete(self, task_id: str) -> None:
        with opened(self.crm()) as crm:
            crm.complete_task(task_id, "Called back")


class TestLocalCRM(CRMConformance):
    stand_in = File

    def plugin(self) -> LocalCRM:
        return self.provider.crm()
