"""HubSpot connected by OAuth in a whole installation: a person agrees, tokens are renewed, the app is removed."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qsl, urlencode, urlsplit

import click
import pytest
from click.testing import CliRunner, Result

from cxsdk import AuthenticationError, CxsdkError, Secret
from cxsdk.cli.connect import command as connect
from cxsdk.cli.live import Asked, ask
from cxsdk.cli.loading import load_app
from cxsdk.context import AccountContext
from cxsdk.domain.clock import ManualClock, SystemClock
from cxsdk.store import Store, accounts, schema
from cxsdk.store.oauth_tokens import TokenVault
from cxsdk.store.sealing import Sealer, new_key
from cxsdk.testing import NOW
from cxsdk.testing.inline import Installation
from tests.plugins.hubspot.conftest import by_oauth
from tests.plugins.hubspot.fake import ALLOWED, CLIENT_SECRET, REFRESH_TOKEN, FakeHubSpot
from tests.plugins.switchboard import company, ring

KEY = new_key()
APP = f"""
from cxsdk import CX, Secret
from tests.plugins.hubspot.conftest import by_oauth

cx = CX(crm=by_oauth(limits=[]), database="sqlite:///{{database}}", secrets_keys=[Secret("{KEY}")])
"""


@pytest.fixture
def app(tmp_path: Path) -> str:
    database = tmp_path / "cx.db"
    with closing(Store(f"sqlite:///{database}", SystemClock())) as store:
        schema.upgrade(store)
    (tmp_path / "shop.py").write_text(APP.format(database=database), encoding="utf-8")
    return str(tmp_path / "shop.py")


def connected(app: str, account: FakeHubSpot, monkeypatch: pytest.MonkeyPatch) -> Result:
    """``cxsdk connect`` with a browser in which a person agrees."""
    threads: list[Thread] = []

    def come_back(address: str) -> None:
        asked = dict(parse_qsl(urlsplit(address).query))
        back = urlencode({"code": account.agree(asked), "state": asked["state"]})
        urllib.request.urlopen(f"{asked['redirect_uri']}?{back}", timeout=10).close()  # noqa: S310 - our own

    def launch(address: str) -> None:
        assert address.startswith("https://app.hubspot.com/oauth/authorize?")
        threads.append(Thread(target=come_back, args=(address,)))
        threads[-1].start()

    monkeypatch.setattr(click, "launch", launch)
    result = CliRunner().invoke(connect, ["hubspot", app, "--port", "0", "--open"])
    for thread in threads:
        thread.join()
    return result


def test_a_person_connects_the_account(app: str, account: FakeHubSpot, monkeypatch: pytest.MonkeyPatch) -> None:
    result = connected(app, account, monkeypatch)
    assert result.exit_code == 0, result.exception
    assert "hubspot is connected. The provider says: " in result.output
    assert "hub_id 62515" in result.output
    [asked] = account.requests
    assert "?" not in asked.url  # secrets belong into the body
    assert {CLIENT_SECRET, REFRESH_TOKEN, *account.access} & set(result.output.split()) == set()
    with closing(Store(f"sqlite:///{Path(app).with_name('cx.db')}", SystemClock())) as store:
        kept = TokenVault(store, Sealer([Secret(KEY)]), "hubspot").load()
    assert kept is not None
    assert (kept.grant.fields["hub_id"], kept.grant.fields["scopes"]) == (62515, ALLOWED.split())


def asked_live(app: str) -> Asked:
    """What ``cxsdk doctor --live`` finds."""
    cx = load_app(app)
    with closing(cx.store()) as store:
        return ask(cx, cx.crm, store)


def test_a_check_tells_whether_the_account_is_connected(
    app: str, account: FakeHubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = asked_live(app)
    assert (before.state, "cxsdk connect hubspot" in before.said) == ("failed", True)
    connected(app, account, monkeypatch)
    after = asked_live(app)
    assert (after.state, after.said) == ("ok", "account 62515")
    account.uninstall()
    assert asked_live(app).state == "failed"


def test_a_code_that_is_spent_connects_nothing(app: str, account: FakeHubSpot) -> None:
    result = CliRunner().invoke(connect, ["hubspot", app, "--code"], input="code-7\n")
    assert isinstance(result.exception, CxsdkError)
    assert result.exception.code == "oauth_code_refused"


@pytest.fixture
def installation(account: FakeHubSpot, tmp_path: Path) -> Iterator[Installation]:
    account.now = NOW
    with company(by_oauth(limits=[], stages={}), tmp_path, secrets_keys=[Secret(KEY)]) as opened:
        grant(opened, account)
        yield opened


def grant(installation: Installation, account: FakeHubSpot) -> None:
    """A person agrees, as ``cxsdk connect`` has it."""
    runtime, crm, sealer = installation.runtime, by_oauth(), Sealer([Secret(KEY)])
    vault = TokenVault(runtime.store, sealer, "hubspot")
    with closing(AccountContext(crm, runtime.store, runtime.clock, runtime.signer, "", sealer)) as context:
        crm.open(context)
        assert context.oauth is not None
        address = context.oauth.authorize_at("http://localhost:8765/callback", "s", "v" * 43)
        code = account.agree(dict(parse_qsl(urlsplit(address).query)))
        told = {"redirect_uri": "http://localhost:8765/callback", "verifier": "v" * 43, "fields": {}}
        vault.connect(context.token_endpoint(context.oauth).exchange(code, asked_at=vault.now(), **told))


def tokens_asked_for(account: FakeHubSpot) -> list[str]:
    return [each.form["grant_type"] for each in account.requests if each.path == "/oauth/v3/token"]


def problem_of(installation: Installation) -> str:
    with installation.runtime.store.read() as tx:
        health = accounts.health(tx, "hubspot")
    return (health.problem or "").partition(":")[0] if health else ""


def test_tokens_of_half_an_hour_are_renewed_while_calls_come(installation: Installation, account: FakeHubSpot) -> None:
    ring(installation)
    installation.pass_to(NOW + timedelta(minutes=28))
    ring(installation, id="c2", at="2026-01-05T12:27:30Z")
    installation.pass_to(NOW + timedelta(minutes=70))
    ring(installation, id="c3", at="2026-01-05T13:09:30Z")
    assert len(account.held["calls"]) == 3
    assert tokens_asked_for(account)[:3] == ["authorization_code", "refresh_token", "refresh_token"]


def test_after_the_app_was_removed_nothing_is_lost_and_nobody_is_pestered(
    installation: Installation, account: FakeHubSpot
) -> None:
    ring(installation)
    account.uninstall()
    assert isinstance(installation.runtime.clock, ManualClock)
    installation.runtime.clock.advance(timedelta(minutes=5))
    with pytest.raises(AuthenticationError, match="Run: cxsdk connect hubspot"):
        ring(installation, id="c2", at="2026-01-05T12:04:30Z")  # it reads the tasks, too
    installation.settle(read=False)
    assert problem_of(installation) == "reconnect_needed"
    asked = len(account.requests)
    installation.runtime.clock.advance(timedelta(minutes=30))
    installation.settle(read=False)
    assert (len(account.held["calls"]), len(account.requests)) == (1, asked)
    grant(installation, account)
    installation.settle()
    assert (problem_of(installation), len(account.held["calls"])) == ("", 2)
