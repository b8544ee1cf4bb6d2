"""A server that cannot be had is named and never passed over in silence."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import check, servers
from tests.project.tree import ROOT
from tests.servers.process import Unavailable

REASON = "needs what this machine has not"
#: The fixtures of our tests, without a plugin that takes long to load.
ALONE = ("-p", "tests.conftest", "-p", "no:schemathesis")
NAMED = f"{servers.MISSING}redis: {REASON}"


@contextmanager
def _nowhere() -> Iterator[str]:
    raise Unavailable(REASON)
    yield ""


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXSDK_TEST_REDIS_URL", raising=False)
    monkeypatch.setitem(servers.SERVERS, "redis", servers.Server("CXSDK_TEST_REDIS_URL", _nowhere))


def test_a_running_server_is_used_as_it_is_named(monkeypatch: pytest.MonkeyPatch, no_redis: None) -> None:
    monkeypatch.setenv("CXSDK_TEST_REDIS_URL", "redis://127.0.0.1:6379")
    with servers.use("redis") as url:
        assert url == "redis://127.0.0.1:6379"


def test_child_processes_learn_what_is_missing_and_do_not_try_again(no_redis: None) -> None:
    with servers.started(["redis"]) as missing:
        assert missing == {"redis": REASON}
        assert os.environ["CXSDK_TEST_REDIS_URL"] == NAMED
        with pytest.raises(Unavailable, match=f"^{REASON}$"), servers.use("redis"):
            pass
    assert "CXSDK_TEST_REDIS_URL" not in os.environ


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_only_continuous_integration_fails_for_what_is_missing(
    ci: str, code: int, no_redis: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(servers, "NEEDED", ("redis",))
    monkeypatch.setattr(check, "run_to_end", lambda command: 0)
    assert check.main() == code
    assert capsys.readouterr().out.splitlines()[-1] == NAMED


def test_a_failed_step_fails_the_whole(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(servers, "NEEDED", ())
    monkeypatch.setattr(check, "run_to_end", lambda command: int(command[-1] == "types"))
    assert check.main() == 1
    assert "types      FAILED" in capsys.readouterr().out


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_a_run_of_tests_names_what_it_missed_in_its_last_lines(ci: str, code: int, tmp_path: Path) -> None:
    env = os.environ | {"CXSDK_TEST_REDIS_URL": NAMED, "CI": ci}
    (tmp_path / "test_sample.py").write_text("def test_redis(redis_url): pass", encoding="utf-8")
    tests = [sys.executable, "-m", "pytest", "-q", *ALONE, "-c", "pyproject.toml", str(tmp_path / "test_sample.py")]
    done = subprocess.run(tests, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert NAMED in "".join(done.stdout.splitlines()[-4:])
