"""Secrets go to the provider and nowhere else."""

from __future__ import annotations

import base64
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import responses

from cxsdk import ConfigurationError, CxsdkError, Rejected, Secret
from cxsdk.http import Session

Provider = responses.RequestsMock
Prepare = Callable[[Provider], None]

TOKEN = "123456:sample-token-AAA/+=é"
BASE = f"https://api.example.com/bot{TOKEN}"


@pytest.fixture
def provider() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as provider:
        yield provider


def shown(error: BaseException) -> str:
    """All that could be printed of an error, by whoever prints it."""
    parts = ["".join(traceback.format_exception(error)), repr(error), repr(vars(error))]
    while (error := error.__cause__ or error.__context__) is not None:
        parts.append(repr(error) + repr(vars(error)))
    return "\n".join(parts)


def error_of(call: Callable[[], object]) -> CxsdkError:
    with pytest.raises(CxsdkError) as caught:
        call()
    return caught.value


def spellings(secret: str) -> list[str]:
    return [secret, requests.utils.quote(secret), requests.utils.quote(secret, safe="")]


def answered(status: int) -> Prepare:
    def add(provider: Provider) -> None:
        body = f'{{"message": "no route for /bot{TOKEN}/send", "code": "{TOKEN}"}}'
        provider.add("POST", f"{BASE}/send", status=status, body=body, headers={"X-Request-Id": TOKEN})

    return add


def broken(problem: Exception) -> Prepare:
    return lambda provider: provider.add("POST", f"{BASE}/send", body=problem) and None


@pytest.mark.parametrize(
    "prepare",
    [
        *(answered(status) for status in (302, 400, 401, 404, 429, 500, 503)),
        broken(requests.ConnectionError(f"HTTPSConnectionPool: /bot{TOKEN}/send")),
        broken(requests.ReadTimeout(f"/bot{TOKEN}/send")),
        broken(requests.exceptions.InvalidURL(f"/bot{TOKEN}/send")),
        lambda provider: provider.add("POST", f"{BASE}/send", body=f"<html>{TOKEN}") and None,
    ],
)
def test_a_secret_in_the_path_is_in_no_error(provider: Provider, prepare: Prepare) -> None:
    prepare(provider)
    http = Session(BASE, secrets=[Secret(TOKEN)], account="telegram")
    text = shown(error_of(lambda: http.post("/send", json={}))) + repr(http)
    assert not [spelling for spelling in spellings(TOKEN) if spelling in text]
    assert "telegram" in text


@pytest.mark.enable_socket
def test_a_secret_in_the_path_is_in_no_error_of_a_real_connection() -> None:
    http = Session(f"http://127.0.0.1:9/bot{TOKEN}", secrets=[Secret(TOKEN)], sleep=lambda _: None)
    text = shown(error_of(lambda: http.post("/send", json={})))
    assert not [spelling for spelling in spellings(TOKEN) if spelling in text]


def test_credentials_are_sent_and_not_shown(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider.add("GET", "https://api.example.com/a", status=403, body="You sent Bearer sample-bearer-1, sample-key-1")
    bearer, key = Secret("sample-bearer-1"), Secret("sample-key-1")
    http = Session("https://api.example.com", bearer=bearer, headers={"X-Key": key, "X-Version": "2"})
    error = error_of(lambda: http.get("/a"))
    sent = provider.calls[0].request.headers
    assert (sent["Authorization"], sent["X-Key"], sent["X-Version"]) == ("Bearer sample-bearer-1", "sample-key-1", "2")
    for text in (shown(error), caplog.text, repr(http), repr(vars(http))):
        assert "sample-bearer-1" not in text
        assert "sample-key-1" not in text


def test_a_password_is_sent_and_not_shown_even_encoded(provider: Provider) -> None:
    encoded = base64.b64encode(b"sample:sample-password-1").decode()
    provider.add("GET", "https://api.example.com/a", status=400, body=f"Authorization was: {encoded} / Basic {encoded}")
    http = Session("https://api.example.com", basic=("sample", Secret("sample-password-1")))
    error = error_of(lambda: http.get("/a"))
    assert provider.calls[0].request.headers["Authorization"] == f"Basic {encoded}"
    assert encoded not in shown(error)


def test_a_secret_header_of_one_call_is_sent_and_not_shown(provider: Provider) -> None:
    secret = f"refresh-sample-{1}"  # a traceback shows lines of this file
    provider.add("GET", "https://api.example.com/a", status=400, body=f"{secret} is no token")
    error = error_of(lambda: Session("https://api.example.com").get("/a", headers={"X-T": Secret(secret)}))
    assert provider.calls[0].request.headers["X-T"] == secret
    assert secret not in shown(error)


def test_a_plugins_own_error_is_redacted_too(provider: Provider) -> None:
    provider.add("POST", f"{BASE}/send", status=200, json={"ok": False})
    http = Session(BASE, secrets=[Secret(TOKEN)], classify=lambda answer: Rejected(f"{answer.url} refused"))
    error = error_of(lambda: http.post("/send"))
    assert TOKEN not in shown(error)
    assert "refused" in str(error)


def test_a_password_from_netrc_is_never_sent(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.example.com login sample password sample-netrc-1\n")
    monkeypatch.setenv("NETRC", str(netrc))
    provider.add("GET", "https://api.example.com/a", json=[])
    Session("https://api.example.com").get("/a")
    assert "Authorization" not in provider.calls[0].request.headers


@pytest.mark.parametrize(
    "base_url", ["api.example.com", "", "ftp://api.example.com", "https://", "https://u:hidden-1@api.example.com"]
)
def test_an_address_that_cannot_work_is_refused_at_the_start_unseen(base_url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Session(base_url)
    assert caught.value.path == "base_url"
    assert "hidden-1" not in shown(caught.value)


@pytest.mark.parametrize("value", ["hidden-1\n", " hidden-1", "hidden-1Ж", ""])
def test_a_secret_that_cannot_stand_in_a_header_is_refused_at_the_start_unseen(value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Session("https://api.example.com", headers={"X-Key": Secret(value)})
    assert caught.value.path == "headers.X-Key"
    assert "hidden-1" not in shown(caught.value)


def test_the_toolkit_loads_no_log_library_before_it_logs() -> None:
    code = "import sys, cxsdk, cxsdk.http, cxsdk.observe; sys.exit('structlog' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
