"""The README's trial, command by command, as a newcomer types it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.project.tree import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^<!-- try(?:: (serve))? -->\n```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: Done by whoever runs this test: the environment is there.
BUILDING = ("make ", ". .venv/bin/activate")
LINK = re.compile(r"http://127\.0\.0\.1:\d+/s/[\w.-]+")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A copy of what a newcomer has, so that the trial leaves nothing behind."""
    (tmp_path / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "try.py", tmp_path / "examples")
    return tmp_path


@pytest.fixture
def ports() -> dict[str, str]:
    """The two ports of the page, and two that are free here."""
    with socket.socket() as public, socket.socket() as private:
        for one in (public, private):
            one.bind(("127.0.0.1", 0))
        return {"8000": str(public.getsockname()[1]), "8001": str(private.getsockname()[1])}


def _commands(text: str, ports: dict[str, str]) -> str:
    lines = [line for line in text.splitlines() if not line.startswith(BUILDING)]
    return re.sub(r"127\.0\.0\.1:(800[01])", lambda found: f"127.0.0.1:{ports[found[1]]}", "\n".join(lines))


def _posting(ports: dict[str, str]) -> str:
    """How a phone system tells of a call, as its page has it; of another caller, who has no task yet."""
    page = (ROOT / "docs" / "plugins" / "telephony.md").read_text(encoding="utf-8")
    [block] = re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    ours = block.replace("https://cx.example.com", f"http://127.0.0.1:{ports['8000']}")
    return str(ours.replace("curl", "curl --fail").replace("+12125550123", "+12125550124"))


def _environment() -> dict[str, str]:
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": paths, "COLUMNS": "200"}


@contextmanager
def _serving(command: str, here: Path, ports: dict[str, str]) -> Iterator[Path]:
    """Runs the first shell's command on the free ports; what it prints stands in a file."""
    app = here / "examples" / "try.py"
    app.write_text(app.read_text(encoding="utf-8").replace(":8000", f":{ports['8000']}"), encoding="utf-8")
    words = [*command.split(), "--port", ports["8000"], "--private-port", ports["8001"]]
    printed = here / "printed"
    with printed.open("wb") as out:
        process = subprocess.Popen(words, cwd=here, env=_environment(), stdout=out, stderr=subprocess.STDOUT)
    try:
        yield printed
    finally:
        process.terminate()
        process.wait(timeout=40)


def _soon(look: Callable[[], str], wanted: str) -> str:
    """What is seen once it holds the wanted words."""
    until = time.monotonic() + 25
    while time.monotonic() < until:
        if re.search(wanted, seen := look()):
            return seen
        time.sleep(0.2)
    pytest.fail(f"{wanted!r} is not in:\n{seen}")


def test_the_readme_is_true_to_the_trial(here: Path, ports: dict[str, str]) -> None:
    blocks = BLOCK.findall(README)
    [serve], shells = [text for name, text in blocks if name], [text for name, text in blocks if not name]
    assert len(shells) == 3
    told, answer, look = (_commands(text, ports) for text in shells)

    def run(*commands: str) -> str:
        script = "set -e\n" + "\n".join(commands)
        done = subprocess.run(
            ["bash", "-c", script], cwd=here, env=_environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    with _serving(_commands(serve, ports), here, ports) as printed:
        started = _soon(printed.read_text, "Webhooks and surveys")
        assert f"http://127.0.0.1:{ports['8001']}/accounts/localcrm/" in started
        assert run(told).count('"accepted":1') == 2
        link = LINK.search(_soon(printed.read_text, r"to \+12125550123: .*/s/"))
        assert link is not None
        answered = run(re.sub(r"http://127\S+/s/…", link[0], answer))
        assert " 303 " in answered
        assert "step=thanks" in answered or "step=more" in answered
        expected = ["Call back within 5 minutes: missed call from [+]12125550123", "Get in touch within 1 hour"]
        if shutil.which("openssl"):
            assert run("TELEPHONY_SECRET=sample-signing-key", _posting(ports)) == ""
            expected += ["missed call from [+]12125550124"]
        again = "export CXSDK_APP=examples/try.py"
        seen = _soon(lambda: run(again, look), "(?s)^" + "".join(f"(?=.*{words})" for words in expected))
    assert re.search(r"task.*The call of .* was missed", seen)
    assert re.search(r"invitation.*Nothing speaks against it", seen)
    assert re.search(r"case.*The answer was unhappy", seen)


def test_the_example_holds_no_secret_of_anybodys() -> None:
    secrets = re.findall(r'Secret\("([^"]+)"\)', (ROOT / "examples" / "try.py").read_text(encoding="utf-8"))
    assert secrets == ["sample-signing-key"]
