"""Our own database that is away while a plugin uses its small store: that is not the plugin's failure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cxsdk import CX, Channel, Context, Direction, Inbound, InteractionFact, Invitation, Raw, email
from cxsdk.domain.clock import ManualClock
from cxsdk.errors import StoreUnavailable
from cxsdk.store import LostRace, Store, inbox
from cxsdk.store.inbox import Arrival
from cxsdk.store.tables import DONE, OWED
from cxsdk.store.tables import inbox as table
from cxsdk.testing import NOW
from cxsdk.testing.crm import FakeCRM
from cxsdk.testing.inline import Installation, installed
from cxsdk_hostedsurvey import HostedSurvey
from tests.acceptance.conftest import Company


class Forms(Channel, Inbound):
    """A contact form that counts what it reads in its small store."""

    def open(self, context: Context) -> None:
        self._state: Any = context.state

    def parse(self, raw: Raw) -> Iterator[InteractionFact]:
        self._state.put(raw.id, "read")
        yield InteractionFact(
            key=raw.id, at=NOW, direction=Direction.INBOUND, sender=email("ann@example.com"), text="Hi"
        )


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    cx = CX(crm=FakeCRM(), channels=[Forms()], database=f"sqlite:///{tmp_path}/cx.db")
    with installed(cx, clock=ManualClock(NOW)) as opened:
        yield opened


def comes(installation: Installation, *ids: str) -> None:
    store = installation.runtime.store
    with store.write() as tx:
        inbox.put(store, tx, [Arrival("forms", Raw(id=id, body=b"{}", received_at=NOW)) for id in ids])
    installation.settle()


def states(installation: Installation) -> dict[str, Any]:
    with installation.runtime.store.read() as tx:
        return {row.event_key: row.state for row in tx.execute(select(table))}


class Away:
    """The database, which is away when it is written to for the second time."""

    def __init__(self, store: Store, error: Exception) -> None:
        self._store, self._errors = store, iter([None, error])

    def write(self) -> Any:
        if error := next(self._errors, None):
            raise error
        return self._store.write()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.mark.parametrize("error", [StoreUnavailable("The connection was lost."), LostRace()])
def test_a_record_waits_while_the_store_is_away_under_parse(installation: Installation, error: Exception) -> None:
    [forms] = installation.opened.cx.channels
    assert isinstance(forms, Forms)
    forms._state._store = Away(installation.runtime.store, error)
    comes(installation, "f1", "f2", "f3")
    assert states(installation) == {"f1": DONE, "f2": OWED, "f3": DONE}
    installation.pass_to(NOW + timedelta(minutes=2))
    assert states(installation) == {"f1": DONE, "f2": DONE, "f3": DONE}


def test_a_link_that_could_not_be_made_then_is_made_later(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    link, away = HostedSurvey.link, iter([StoreUnavailable("The connection was lost.")])

    def make(provider: HostedSurvey, invitation: Invitation) -> str:
        if error := next(away, None):
            raise error
        return link(provider, invitation)

    monkeypatch.setattr(HostedSurvey, "link", make)
    company.buys()
    company.later(timedelta(hours=2, minutes=2))
    assert next(away, None) is None
    assert len(company.letters.sent) == 1
    assert company.invitation(kind="post_purchase").state == "sent"
