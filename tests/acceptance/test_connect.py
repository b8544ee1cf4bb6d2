"""An operator connects an account: the whole way, with a browser that comes back or an address that is pasted."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import click
import pytest
import requests
from click.testing import CliRunner, Result

from cxsdk import AuthenticationError, ConfigurationError, CxsdkError, Secret
from cxsdk.cli.connect import command as connect
from cxsdk.cli.key import command as key
from cxsdk.cli.redirect import code_of, read_pasted
from cxsdk.domain.clock import SystemClock
from cxsdk.store import Store, schema
from cxsdk.store.oauth_tokens import TokenVault
from cxsdk.store.sealing import Sealer, is_key, new_key
from cxsdk.testing.inline import InlineDoorbell
from tests.servers.oauth import Provider, granting

KEY, NEWER = new_key(), new_key()

APP = """
import os
from cxsdk import CX, Channel, OAuth, Secret
from cxsdk_localcrm import LocalCRM

class Sample(Channel):
    provider: str
    eager: bool = False

    def open(self, context):
        oauth = OAuth(
            client_id="sample-client", client_secret=Secret("sample-client-secret"), scopes=("crm",),
            authorize_url=f"{self.provider}/authorize", token_url=f"{self.provider}/token", hosts=("127.0.0.1",),
        )
        self._api = context.http("http://{referer}/api", oauth=oauth)
        if self.eager:
            self._api.get("/me")

cx = CX(
    crm=LocalCRM(database=os.environ["CX_CRM"]),
    channels=[Sample(name="office", provider=os.environ["CX_PROVIDER"], eager="CX_EAGER" in os.environ)],
    database=os.environ["CX_DATABASE"],
    secrets_keys=[Secret(key) for key in os.environ["CX_KEYS"].split()],
)
"""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with granting() as provider:
        yield provider


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is up to date: making one takes longer than most of these tests."""
    path = tmp_path_factory.mktemp("ready") / "cx.db"
    with closing(Store(f"sqlite:///{path}", SystemClock())) as store:
        schema.upgrade(store)
    return path


@pytest.fixture
def app(tmp_path: Path, ready: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> str:
    shutil.copy(ready, tmp_path / "cx.db")
    (tmp_path / "shop.py").write_text(APP, encoding="utf-8")
    monkeypatch.setenv("CX_PROVIDER", provider.url)
    monkeypatch.setenv("CX_DATABASE", f"sqlite:///{tmp_path}/cx.db")
    monkeypatch.setenv("CX_CRM", f"{tmp_path}/crm.db")
    monkeypatch.setenv("CX_KEYS", KEY)
    return str(tmp_path / "shop.py")


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Opens what ``--open`` asks for, as a person's browser does; the addresses that it was told."""
    opened: list[str] = []
    threads: list[threading.Thread] = []

    def launch(address: str) -> None:
        opened.append(address)
        threads.append(threading.Thread(target=requests.get, args=(address,), kwargs={"timeout": 10}))
        threads[-1].start()

    monkeypatch.setattr(click, "launch", launch)
    yield opened
    for thread in threads:
        thread.join()


def run(command: click.Command, *arguments: str, pasted: str = "") -> Result:
    return CliRunner().invoke(command, arguments, input=pasted, catch_exceptions=True)


def refused(command: click.Command, *arguments: str, pasted: str = "") -> CxsdkError:
    error = run(command, *arguments, pasted=pasted).exception
    assert isinstance(error, CxsdkError), repr(error)
    return error


def kept(tmp_path: Path, *keys: str) -> Any:
    with closing(Store(f"sqlite:///{tmp_path}/cx.db", SystemClock())) as store:
        return TokenVault(store, Sealer([Secret(key) for key in keys or (KEY,)]), "office").load()


# -- by a browser


def test_a_person_agrees_in_a_browser_and_the_account_works(app: str, provider: Provider, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from cxsdk.cli import main; main()", "connect", "office", app, "--port", "0"]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        page = requests.get(address, timeout=10)
        said, told = process.communicate(timeout=20)
    assert process.returncode == 0, told
    assert "close this window" in page.text
    assert said.startswith("office is connected. The provider says: ")
    assert "member_id member-7" in said
    asked = dict(parse_qsl(urlsplit(address).query))
    assert (asked["scope"], asked["code_challenge_method"]) == ("crm", "S256")
    assert re.fullmatch(r"http://localhost:\d+/callback", asked["redirect_uri"])
    assert "access-" not in said + told
    assert kept(tmp_path).grant.fields["referer"] == urlsplit(provider.url).netloc

    from cxsdk.cli.loading import load_app

    with load_app(app).open(lambda _: InlineDoorbell()) as opened:
        assert opened.cx.channels[0]._api.get("/anything") == {"ok": True}  # type: ignore[attr-defined]


def test_connecting_anew_replaces_the_grant(app: str, browser: list[str], tmp_path: Path) -> None:
    for generation in (1, 2):
        assert run(connect, "office", app, "--port", "0", "--open").exit_code == 0
        assert kept(tmp_path).generation == generation
    states = [dict(parse_qsl(urlsplit(address).query))["state"] for address in browser]
    assert len(set(states)) == 2


def test_a_person_who_does_not_agree_is_told_what_to_do(app: str, provider: Provider, browser: list[str]) -> None:
    provider.denies = True
    error = refused(connect, "office", app, "--port", "0", "--open")
    assert (error.code, "access_denied" in str(error)) == ("oauth_denied", True)


def test_an_answer_to_another_attempt_is_not_taken(
    app: str, provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def launch(address: str) -> None:
        back = dict(parse_qsl(urlsplit(address).query))["redirect_uri"]
        requests.get(back, params={"code": provider.code(), "state": "another"}, timeout=10)

    monkeypatch.setattr(click, "launch", launch)
    assert refused(connect, "office", app, "--port", "0", "--open").code == "oauth_state_wrong"
    assert provider.asked["/token"] == 0
    assert kept(tmp_path) is None


def test_what_is_no_answer_does_not_end_the_waiting(app: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def launch(address: str) -> None:
        back = dict(parse_qsl(urlsplit(address).query))["redirect_uri"]
        assert requests.get(back.replace("/callback", "/favicon.ico"), timeout=10).status_code == 404
        requests.get(address, timeout=10)

    monkeypatch.setattr(click, "launch", launch)
    assert run(connect, "office", app, "--port", "0", "--open").exit_code == 0
    assert kept(tmp_path)


def test_nobody_is_waited_for_for_ever(app: str) -> None:
    error = refused(connect, "office", app, "--port", "0", "--timeout", "0.05")
    assert (error.code, "--code" in str(error)) == ("connect_timeout", True)


def test_a_port_that_is_taken_is_told(app: str, provider: Provider) -> None:
    error = refused(connect, "office", app, "--port", provider.url.rpartition(":")[2])
    assert (error.code, "--port" in str(error)) == ("port_taken", True)


# -- by hand


def test_on_a_machine_without_a_browser_the_code_is_pasted(
    app: str, provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    code = provider.code()
    done = run(connect, "office", app, "--code", "--redirect-uri", "https://x.example/back", pasted=f" {code} \n")
    assert done.exit_code == 0, done.exception
    assert "redirect_uri=https%3A%2F%2Fx.example%2Fback" in done.output
    assert kept(tmp_path).grant.redirect_uri == "https://x.example/back"
    secrets = {code, *kept(tmp_path).grant.secrets(), "sample-client-secret"}
    assert not [each for each in secrets if each in done.stdout + caplog.text]


def test_a_code_that_was_spent_is_refused(app: str, provider: Provider) -> None:
    error = refused(connect, "office", app, "--code", pasted="code-nobody-knows\n")
    assert (error.code, "--redirect-uri" in str(error)) == ("oauth_code_refused", True)


def test_a_provider_that_is_down_is_told(app: str, provider: Provider) -> None:
    provider.fails = 9
    assert refused(connect, "office", app, "--code", pasted=f"{provider.code()}\n").code == "transient"


@pytest.mark.parametrize(
    ("pasted", "code"),
    [
        ("https://x.example/back?code=c&state=s&referer=a.example", "c"),
        ("/callback?state=s&code=c", "c"),
        ("  c\t", "c"),
        ("https://x.example/back?code=c&state=another", "oauth_state_wrong"),
        ("https://x.example/back?error=access_denied&state=s", "oauth_denied"),
        ("https://x.example/back?state=s", "oauth_code_missing"),
        ("", "oauth_code_missing"),
    ],
)
def test_what_is_pasted_is_an_address_or_a_code(pasted: str, code: str) -> None:
    try:
        found = code_of(read_pasted(pasted), "s", is_pasted=True)
    except AuthenticationError as error:
        found = error.code
    assert found == code


def test_only_a_pasted_code_comes_without_a_state() -> None:
    with pytest.raises(AuthenticationError) as error:
        code_of({"code": "c"}, "s")
    assert error.value.code == "oauth_state_wrong"


# -- what must be so before


def test_an_account_that_is_not_there_or_not_connected_so_is_told(app: str) -> None:
    unknown = refused(connect, "crm", app)
    assert (unknown.code, "office" in str(unknown)) == ("account_unknown", True)
    assert refused(connect, "localcrm", app).code == "not_oauth"


def test_without_a_key_nothing_starts(app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from cxsdk.cli.loading import load_app, make_ready

    monkeypatch.setenv("CX_KEYS", "")
    assert refused(connect, "office", app).code == "secrets_key_missing"
    cx = load_app(app)
    make_ready(cx)
    with pytest.raises(ConfigurationError, match="cxsdk key create") as error, cx.open(lambda _: InlineDoorbell()):
        pass
    assert (error.value.code, error.value.path) == ("secrets_key_missing", "CX.secrets_keys")


def test_a_key_that_is_none_is_refused_without_being_shown(app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CX_KEYS", "too-short-a-key")
    error = refused(connect, "office", app)
    assert error.code == "secrets_key_invalid"
    assert "too-short" not in str(error)


def test_an_account_that_asks_its_provider_at_open_can_be_connected(
    app: str, monkeypatch: pytest.MonkeyPatch, provider: Provider
) -> None:
    monkeypatch.setenv("CX_EAGER", "1")
    assert run(connect, "office", app, "--code", pasted=f"{provider.code()}\n").exit_code == 0


# -- keys


def test_keys_are_made_and_changed(
    app: str, monkeypatch: pytest.MonkeyPatch, provider: Provider, tmp_path: Path
) -> None:
    run(connect, "office", app, "--code", pasted=f"{provider.code()}\n")
    made = run(key, "create").stdout.strip()
    assert is_key(made)
    monkeypatch.setenv("CX_KEYS", f"{made} {KEY}")
    done = run(key, "rotate", app)
    assert done.output == "1 account encrypted with the first key.\n"
    assert kept(tmp_path, made).generation == 1
    monkeypatch.setenv("CX_KEYS", NEWER)
    assert refused(key, "rotate", app).code == "secrets_key_wrong"
    assert kept(tmp_path, made)
