"""An account that is connected by OAuth in the whole loop: nothing that is owed is lost while it has no access."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from cxsdk import (
    CRM,
    CX,
    Channel,
    Context,
    Direction,
    Inbound,
    InteractionFact,
    LogEntry,
    OAuth,
    Person,
    Raw,
    Receipt,
    Secret,
    email,
)
from cxsdk.domain.clock import ManualClock
from cxsdk.domain.oauth import Grant
from cxsdk.store import accounts, inbox
from cxsdk.store.inbox import Arrival
from cxsdk.store.oauth_tokens import TokenVault
from cxsdk.store.sealing import Sealer, new_key
from cxsdk.testing import NOW
from cxsdk.testing.inline import Installation, installed
from tests.servers.oauth import CLIENT_ID, CLIENT_SECRET, Provider, granting

KEY = Secret(new_key())


class Desk(CRM):
    """A CRM that lets in whoever a person agreed to."""

    provider: str
    duplicates = "upsert"
    batch_size = 10

    def open(self, context: Context) -> None:
        oauth = OAuth(
            client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET), hosts=("127.0.0.1",),
            authorize_url=f"{self.provider}/authorize", token_url=f"{self.provider}/token",
        )  # fmt: skip
        self._api = context.http("{api_domain}/api", oauth=oauth)

    def find_people(self, who: Sequence[Person]) -> list[str | None]:
        self._api.post("/search", json={}, reads=True)
        return [None for _ in who]

    def create_people(self, people: Sequence[Person]) -> list[Receipt]:
        self._api.post("/people", json={})
        return [Receipt.accepted(person.key) for person in people]

    def log(self, entries: Sequence[LogEntry]) -> list[Receipt]:
        self._api.post("/entries", json={})
        return [Receipt.accepted(entry.key) for entry in entries]


class Forms(Channel, Inbound):
    """A contact form."""

    def parse(self, raw: Raw) -> Iterator[InteractionFact]:
        yield InteractionFact(
            key=raw.id, at=NOW, direction=Direction.INBOUND, sender=email("ann@example.com"), text="Hello"
        )


@pytest.fixture
def provider() -> Iterator[Provider]:
    with granting() as provider:
        yield provider


@pytest.fixture
def installation(provider: Provider, tmp_path: Path) -> Iterator[Installation]:
    cx = CX(
        crm=Desk(provider=provider.url), channels=[Forms()], database=f"sqlite:///{tmp_path}/cx.db", secrets_keys=[KEY]
    )
    with installed(cx, clock=ManualClock(NOW)) as installation:
        yield installation


def comes(installation: Installation, id: str) -> None:
    """Somebody writes, and all is done that can be."""
    with installation.runtime.store.write() as tx:
        inbox.put(installation.runtime.store, tx, [Arrival("forms", Raw(id=id, body=b"{}", received_at=NOW))])
    installation.settle()


def connect(installation: Installation, provider: Provider) -> None:
    """An operator connects the CRM."""
    answer = {"access_token": "sample-access", "refresh_token": "sample-refresh", "expires_in": 3600}
    provider.access["sample-access"] = float("inf")
    provider.refresh["sample-refresh"] = ""
    vault = TokenVault(installation.runtime.store, Sealer([KEY]), "desk")
    vault.connect(Grant.of(answer, vault.now(), fields={"api_domain": provider.url}))


def pass_by(installation: Installation, minutes: float) -> None:
    """Time passes, and what becomes due is done."""
    installation.pass_to(installation.runtime.clock.now() + timedelta(minutes=minutes))


def problem_of(installation: Installation) -> str:
    with installation.runtime.store.read() as tx:
        health = accounts.health(tx, "desk")
    return (health.problem or "").partition(":")[0] if health else ""


def test_what_came_before_an_account_was_connected_is_written_then(
    installation: Installation, provider: Provider
) -> None:
    comes(installation, "e1")
    assert (problem_of(installation), provider.asked["/api/entries"]) == ("not_connected", 0)
    connect(installation, provider)
    installation.settle()
    assert (problem_of(installation), provider.asked["/api/entries"]) == ("", 1)


def test_an_account_that_must_be_connected_again_says_so_asks_nobody_and_loses_nothing(
    installation: Installation, provider: Provider
) -> None:
    connect(installation, provider)
    comes(installation, "e1")
    provider.revoke()
    pass_by(installation, 56)
    comes(installation, "e2")
    assert (problem_of(installation), provider.asked["/token"]) == ("reconnect_needed", 1)
    pass_by(installation, 60)  # it is probed every five minutes, by what is kept
    assert (problem_of(installation), provider.asked["/token"]) == ("reconnect_needed", 1)
    connect(installation, provider)
    installation.settle()
    assert (problem_of(installation), provider.asked["/api/entries"]) == ("", 2)


def test_while_no_token_can_be_had_the_account_is_asked_for_ever_less(
    installation: Installation, provider: Provider
) -> None:
    connect(installation, provider)
    comes(installation, "e1")
    provider.fails = 1000
    pass_by(installation, 61)
    comes(installation, "e2")
    pass_by(installation, 30)
    assert provider.asked["/token"] <= 40
    provider.fails = 0
    pass_by(installation, 2)
    assert (problem_of(installation), provider.asked["/api/entries"]) == ("", 2)
