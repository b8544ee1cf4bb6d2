"""Each example under ``cxsdk dev``, as its README says: nothing leaves the machine, and what would go out is shown."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cxsdk.cli import vendors
from cxsdk.cli.loading import in_development, load_app
from cxsdk.domain.clock import ManualClock
from cxsdk.web import public_app
from tests.examples.conftest import NOON, Company
from tests.installing import installed
from tests.project.tree import ROOT

pytestmark = pytest.mark.usefixtures("own_secrets")

MAIL, PHONE = {"email": "ann@example.net"}, {"phone": "+12125550123"}


def exports(name: str) -> dict[str, str]:
    """The variables that the README tells to set."""
    readme = (ROOT / "examples" / name / "README.md").read_text(encoding="utf-8")
    [lines] = [block for block in readme.split("```")[1::2] if "cxsdk dev " in block]
    words = [word for line in lines.splitlines() if line.startswith("export ") for word in line.split()[1:]]
    return dict(word.split("=", 1) for word in words)


@pytest.mark.parametrize(
    ("name", "customer", "asks"),
    [
        ("shop", MAIL, "email: send to ann@example.net: "),
        ("subscription", MAIL, "email: send to ann@example.net: "),
        ("call_centre", PHONE, "twilio: send to +12125550123: "),
    ],
)
def test_a_purchase_is_asked_about_and_nothing_goes_out(
    name: str, customer: dict[str, str], asks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    for variable, value in exports(name).items():
        monkeypatch.setenv(variable, value)
    cx = in_development(load_app(str(ROOT / "examples" / name / "app.py")), "http://127.0.0.1:8000")
    said: list[str] = []
    for account in cx.accounts():
        vendors.put_in_place(account, said.append)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("It went out."))
    with (
        installed(cx, clock=ManualClock(NOON)) as installation,
        TestClient(public_app(installation.opened), base_url=cx.public_url) as web,
    ):
        company = Company(installation, web)
        company.sells(**customer)
        company.later(days=2, hours=1)
    [asked] = [line for line in said if line.startswith(asks)]
    assert "/s/" in asked or "/to/" in asked
    assert all(secret not in line for secret in exports(name).values() for line in said)
