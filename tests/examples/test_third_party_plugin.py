"""``examples/third_party_plugin``: built, installed elsewhere, found by its entry point, and tested there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from starlette.testclient import TestClient

from cxsdk import CX, Request, Secret, sign_hmac
from cxsdk.cli import vendors
from cxsdk.cli.loading import load_app
from cxsdk.domain.clock import ManualClock
from cxsdk.store.tables import tasks
from cxsdk.testing import NOW
from cxsdk.web import public_app
from tests.installing import installed
from tests.project.tree import ROOT

EXAMPLE = ROOT / "examples" / "third_party_plugin"
#: Where each comes from, what cxsdk finds, and then the plugin's own tests.
THERE = """
import json, sys, pytest
from cxsdk.hooks import Hooks
import plain_tickets
[found] = [found for found in Hooks.load().found if found.name == "plain_tickets"]
print(json.dumps([plain_tickets.__file__, found.distribution, found.problem]), flush=True)
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-W", "error", "--rootdir", ".", "."]))
"""


def test_it_is_built_and_installed_and_its_own_tests_pass_there(tmp_path: Path) -> None:
    source, target, tests = (tmp_path / name for name in ("source", "target", "tests"))
    shutil.copytree(EXAMPLE, source)
    shutil.copytree(EXAMPLE / "tests", tests)
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", cwd=source)
    [wheel] = source.glob("dist/*.whl")
    ZipFile(wheel).extractall(target)  # which is what installing a wheel of pure Python does
    shutil.rmtree(source)
    paths = os.pathsep.join([str(target), *filter(None, [os.environ.get("PYTHONPATH")])])
    told = _run(sys.executable, "-c", THERE, cwd=tests, PYTHONPATH=paths, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    where, distribution, problem = json.loads(told.splitlines()[0])
    assert Path(where).is_relative_to(target)
    assert (distribution, problem) == ("cxsdk-plain-tickets", "")
    assert int(re.findall(r"(\d+) passed", told)[0]) > 50, told


def _run(*command: str, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=80
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# -- its app, beside the stand-in that it brings


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CX:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(EXAMPLE / "src"), *sys.path])
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    return load_app(str(EXAMPLE / "shop.py"))


def test_a_missed_call_is_a_note_and_a_ticket_which_an_agent_closes(shop: CX, own_secrets: None) -> None:
    vendor = shop.crm.stand_in()
    object.__setattr__(shop.crm, "stand_in", lambda: vendor)
    lines: list[str] = []
    assert vendors.put_in_place(shop.crm, lines.append) == "its stand-in answers"
    with ExitStack() as stack:
        clock = ManualClock(NOW)
        office = stack.enter_context(installed(shop, clock=clock))
        web = stack.enter_context(TestClient(public_app(office.opened), base_url=shop.public_url))

        def post(request: Request) -> None:
            answer = web.post(request.url, content=request.body, headers=dict(request.headers))
            assert answer.status_code == 202, answer.text
            office.settle()

        pbx: Any = shop.channels[0]
        post(pbx.samples("/webhooks/pbx", NOW)["missed"])
        assert [row["collection"] for row in vendor.rows.values()] == ["customers", "notes", "tickets"]
        [ticket] = [id for id in vendor.rows if id.startswith("T")]
        assert vendor.rows[ticket]["headline"].startswith("Call back within 5 minutes")
        assert len([line for line in lines if " PUT " in line]) == 3

        closed = Request(url="/webhooks/plaintickets", body=json.dumps(vendor.complete(ticket)).encode())
        post(sign_hmac(closed, header="Plain-Signature", key=Secret("sample-webhook-secret")))
        with office.runtime.store.read() as tx:
            assert tx.execute(tasks.select()).one().done_at is not None
