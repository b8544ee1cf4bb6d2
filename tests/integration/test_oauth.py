"""Many processes and one token: renewed by one of them, on both databases, whoever dies meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Any

import pytest

from cxsdk import AuthenticationError, Secret, Transient
from cxsdk.domain.clock import SystemClock
from cxsdk.domain.oauth import Grant
from cxsdk.store import Store, accounts, schema
from cxsdk.store.oauth_tokens import TokenVault
from cxsdk.store.sealing import Sealer, new_key
from tests.acceptance.databases import BOTH
from tests.integration.oauth_worker import Sample, context_of
from tests.servers.oauth import Provider, granting

pytestmark = pytest.mark.usefixtures("own_secrets")

KEY = new_key()


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest) -> str:
    return str(request.param(request))


@pytest.fixture
def provider() -> Iterator[Provider]:
    with granting() as provider:
        yield provider


class Installation:
    """Processes of one installation, as far as they concern a token: each has a store of its own."""

    def __init__(self, url: str, provider: Provider, stack: ExitStack) -> None:
        self.url, self.provider, self._stack = url, provider, stack
        self.store = self._opened()
        schema.upgrade(self.store)
        self.vault = TokenVault(self.store, Sealer([Secret(KEY)]), "sample")

    def connect(self) -> None:
        """As an operator does it, with a token that must be renewed at once where the provider's are short-lived."""
        _, _, body = self.provider._grant("")
        self.vault.connect(Grant.of(json.loads(body), self.vault.now(), fields={"api_domain": self.provider.url}))

    def process(self) -> Sample:
        """A plugin, opened as in a process of its own."""
        plugin, store = Sample(provider=self.provider.url), self._opened()
        plugin.open(self._stack.enter_context(closing(context_of(plugin, store, KEY, SystemClock()))))
        return plugin

    def _opened(self) -> Store:
        return self._stack.enter_context(closing(Store(self.url, SystemClock())))


@pytest.fixture
def installation(url: str, provider: Provider) -> Iterator[Installation]:
    with ExitStack() as stack:
        yield Installation(url, provider, stack)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What comes of calls that begin in the same moment; what one raises, instead of its result."""
    start = threading.Barrier(len(calls))

    def call(each: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return each()
        except Exception as error:  # noqa: BLE001 - looked at by the test
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def test_of_many_who_find_the_token_ended_one_renews_it(installation: Installation, provider: Provider) -> None:
    provider.expires_in = 0.01
    installation.connect()
    provider.expires_in, provider.slow_s = 3600, 0.15
    processes = [installation.process() for _ in range(3)]
    assert at_once(*[process.use for process in processes for _ in range(3)]) == [None] * 9
    assert provider.asked["refresh_token"] == 1


def test_of_many_whose_token_is_refused_one_renews_it(
    installation: Installation, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxsdk.http.tokens.TOO_YOUNG", timedelta(0))
    installation.connect()
    processes = [installation.process() for _ in range(3)]
    for process in processes:
        process.use()
    provider.expire()
    assert at_once(*[process.use for process in processes]) == [None] * 3
    assert provider.asked["refresh_token"] == 1


def test_a_grant_that_is_over_is_asked_about_once_by_all(installation: Installation, provider: Provider) -> None:
    provider.expires_in = 0.01
    installation.connect()
    provider.revoke()
    processes = [installation.process() for _ in range(3)]
    told = at_once(*[process.use for process in processes for _ in range(2)])
    assert [(type(each), getattr(each, "code", "")) for each in told] == [(AuthenticationError, "reconnect_needed")] * 6
    assert provider.asked["refresh_token"] == 1
    with installation.store.read() as tx:
        health = accounts.health(tx, "sample")
    assert health is not None
    assert "cxsdk connect sample APP" in health.problem
    provider.expires_in = 3600
    installation.connect()
    processes[0].use()


def test_an_endpoint_that_is_down_is_not_hammered(
    installation: Installation, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxsdk.http.tokens.PATIENCE_S", 0.2)
    provider.expires_in = 0.01
    installation.connect()
    provider.fails = 100
    processes = [installation.process() for _ in range(3)]
    told = at_once(*[process.use for process in processes for _ in range(2)])
    assert {type(each) for each in told} == {Transient}
    assert provider.asked["refresh_token"] == 1


def test_after_a_process_died_in_the_middle_a_provider_that_forgives_gives_a_token(
    installation: Installation, provider: Provider
) -> None:
    provider.expires_in, provider.forgives = 0.01, True
    installation.connect()
    _die_after_the_provider_renewed(installation, provider)
    provider.expires_in = 3600
    installation.process().use()
    assert provider.asked["refresh_token"] == 2


def test_after_a_process_died_in_the_middle_another_provider_must_be_asked_by_a_person(
    installation: Installation, provider: Provider
) -> None:
    provider.expires_in = 0.01
    installation.connect()
    _die_after_the_provider_renewed(installation, provider)
    with pytest.raises(AuthenticationError) as error:
        installation.process().use()
    assert error.value.code == "reconnect_needed"


def _die_after_the_provider_renewed(installation: Installation, provider: Provider) -> None:
    """What a killed process leaves behind: a lease that ends, and a refresh token that was spent."""
    kept = installation.vault.load()
    assert kept is not None
    assert kept.grant.refresh_token is not None
    assert installation.vault.begin(1, timedelta(seconds=-1))
    spent = {"grant_type": "refresh_token", "refresh_token": kept.grant.refresh_token.reveal()}
    status, _, _ = provider.token({**spent, "client_id": "sample-client", "client_secret": "sample-client-secret"})
    assert status == 200


def test_processes_share_a_token_that_is_renewed_again_and_again(
    installation: Installation, provider: Provider
) -> None:
    provider.expires_in = 0.5
    installation.connect()
    command = [sys.executable, "-m", "tests.integration.oauth_worker", installation.url, provider.url, KEY, "1.2"]
    workers = [subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, text=True) for _ in range(2)]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        ended = at_once(*[lambda worker=worker: worker.communicate("go\n", timeout=60) for worker in workers])  # type: ignore[misc]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0, 0], ended
    assert 2 <= provider.asked["refresh_token"] <= 5  # a token lives half a second; nobody spent one twice
