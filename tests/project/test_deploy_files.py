"""The files under examples/deploy and the page about them: complete, valid, and true to the commands there are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from cxsdk.cli.group import Commands, cli
from cxsdk_workers.brokers import TIMEOUT_S
from cxsdk_workers.doorbells import LAST_RINGS_S
from cxsdk_workers.worker import GRACE_S
from tests import deploy
from tests.deploy import DEPLOY, UNITS, commands_on, compose, image, services, units
from tests.project.tree import PACKAGES, PYPROJECT, ROOT
from tests.servers import postgres

PAGE = ROOT / "docs" / "deploy.md"
#: Who calls our commands by which name.
PROCESSES = [*units({}, 8001), *services({}, 8000)]
INSTANCES = [process.name for process in units({}, 8001)]


# -- units


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they are installed, on a machine where their programs are."""
    target = tmp_path / "system"
    shutil.copytree(UNITS, target)
    for path in target.rglob("*.service"):
        path.write_text(re.sub(r"(?<==)/\S+", sys.executable, path.read_text(encoding="utf-8")), encoding="utf-8")
    return target


def verified(folder: Path) -> str:
    """What systemd has to say against the units."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze, of Debian's package systemd")
    check = ["systemd-analyze", "verify", "--man=no", "cxsdk.target", *INSTANCES]
    env = os.environ | {"SYSTEMD_UNIT_PATH": f"{folder}:"}
    done = subprocess.run(check, env=env, capture_output=True, text=True, check=False)
    told = (done.stdout + done.stderr).splitlines()
    return "\n".join(line for line in told if "cxsdk" in line or str(folder) in line)


def test_systemd_has_nothing_against_the_units(installed: Path) -> None:
    assert verified(installed) == ""


@pytest.mark.parametrize("file", ["cxsdk-worker@.service", "cxsdk-.service.d/common.conf"])
def test_a_misspelt_setting_of_a_unit_would_be_noticed(installed: Path, file: str) -> None:
    path = installed / file
    path.write_text(path.read_text(encoding="utf-8").replace("[Service]", "[Service]\nRestarts=always"))
    assert "Restarts" in verified(installed)


@pytest.mark.parametrize("name", [name for name in INSTANCES if "migrate" not in name])
def test_a_process_is_started_again_whatever_ends_it(name: str) -> None:
    settings = deploy.unit(name)
    assert settings["Restart"] == ["always"]
    assert settings["StartLimitIntervalSec"] == ["0"]
    assert "cxsdk-migrate.service" in " ".join(settings["After"])


# -- Compose and the image


def test_the_compose_file_keeps_to_the_specification() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*check, str(DEPLOY / "compose.yaml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_postgresql_is_set_as_the_page_says_wherever_it_is_started_for_use_or_measured() -> None:
    [block] = re.findall(r"```ini\n(max_connections.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    told = block.replace(" = ", "=").split()
    _, *composed = compose()["services"]["postgres"]["command"]
    assert composed == list(postgres.AS_DEPLOYED) == [word for setting in told for word in ("-c", setting)]


def test_compose_itself_takes_the_file(tmp_path: Path) -> None:
    filled = deploy.filled_in(DEPLOY / "compose.env.sample", {})
    (tmp_path / "env").write_text("".join(f"{name}={value}\n" for name, value in filled.items()))
    config = ["--env-file", str(tmp_path / "env"), "--file", str(DEPLOY / "compose.yaml"), "config", "--services"]
    done = subprocess.run([*_docker_compose(), *config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == set(compose()["services"])


def _docker_compose() -> list[str]:
    for program in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(program[0])
            and not subprocess.run([*program, "version"], capture_output=True, check=False).returncode
        ):
            return program
    pytest.skip("needs docker compose")


def _ours() -> dict[str, Any]:
    return {name: service for name, service in compose()["services"].items() if service["image"] == "cx"}


@pytest.mark.parametrize("name", sorted(set(_ours()) - {"migrate"}))
def test_a_container_is_started_again_and_comes_after_the_migration(name: str) -> None:
    service = _ours()[name]
    assert service["restart"] == "unless-stopped"
    assert service["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert "/readyz" in str(service.get("healthcheck")) or not name.startswith("web")


def test_there_are_two_clocks_and_several_workers() -> None:
    ours = _ours()
    assert ours["clock"]["deploy"]["replicas"] == 2
    assert "CX_WORKERS" in ours["worker"]["deploy"]["replicas"]


def test_every_container_is_reached_by_its_name() -> None:
    hosts = re.findall(r"@(\w+)/", _ours()["web1"]["environment"]["CX_DATABASE"])
    hosts += re.findall(r"//(\w+):", (DEPLOY / "compose.env.sample").read_text(encoding="utf-8"))
    assert set(hosts) == {"postgres", "redis"} <= set(compose()["services"])


def test_the_image_is_built_of_what_a_wheel_needs(tmp_path: Path) -> None:
    allowed = [line[1:] for line in _ignoring() if line.startswith("!")]
    for *sources, target in image("COPY"):
        for source in (source for source in sources if not source.startswith(("/", "--"))):
            assert any(source == path or source.startswith(f"{path}/") for path in allowed), source
            _copy(ROOT / source, tmp_path / (Path(source).name if target == "./" else target.lstrip("/")))
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {package.name for package in PACKAGES} <= {path.name for path in tmp_path.rglob("cxsdk*")}


def _ignoring() -> list[str]:
    return (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def test_the_extras_that_are_installed_exist() -> None:
    told = (DEPLOY / "Dockerfile").read_text(encoding="utf-8") + PAGE.read_text(encoding="utf-8")
    asked = {extra for extras in re.findall(r"[.k]\[([a-z,]+)\]", told) for extra in extras.split(",")}
    assert asked
    assert asked <= set(PYPROJECT["project"]["optional-dependencies"])


# -- both


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_the_grace_is_longer_than_a_process_takes_to_end(process: deploy.Process) -> None:
    assert process.grace_s > GRACE_S + 2 * TIMEOUT_S + LAST_RINGS_S


@pytest.mark.parametrize("sample", ["compose.env.sample", "systemd/cx.env.sample"])
def test_a_sample_holds_no_secret_and_every_name_that_the_program_asks_for(sample: str) -> None:
    lines = (DEPLOY / sample).read_text(encoding="utf-8").splitlines()
    named = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    program = (DEPLOY / "shop.py").read_text(encoding="utf-8")
    asked = set(re.findall(r'(?:environ\[|env\()"(\w+)"', program))
    assert asked <= set(named) | set(_ours()["web1"]["environment"])
    assert [name for name, value in named.items() if value and ("KEY" in name or "SECRET" in name)] == []


# -- the page


def _commands() -> Iterator[list[str]]:
    yield from commands_on(PAGE, "cxsdk")
    yield from commands_on(PAGE, "/opt/cx/.venv/bin/cxsdk")
    for _, run, _, service, *words in _calls_of_compose("run"):
        assert (run, service in _ours()) == ("run", True)
        yield [*words, "shop.py"] if words else [*_ours()[service]["command"], "shop.py"]
    for process in PROCESSES:
        yield [*process.command[1:], "shop.py"]


def _calls_of_compose(command: str) -> list[list[str]]:
    return [words for words in commands_on(PAGE, "docker") if words[:2] == ["compose", command]]


@pytest.mark.parametrize("words", list(_commands()), ids=" ".join)
def test_a_command_on_the_page_and_in_the_files_is_one(words: list[str]) -> None:
    command: click.Command = cli
    assert isinstance(command, Commands)
    while isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(click.Context(command), name)
        assert found is not None, name
        command = found
    command.make_context(command.name, words)


def test_every_service_that_the_page_starts_is_there() -> None:
    started = {word for words in _calls_of_compose("up") for word in words[2:] if not word.startswith("-")}
    assert started == set(_ours()) - {"migrate"}


def test_every_file_that_the_page_names_is_there() -> None:
    told = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"examples/deploy/[\w./*-]*\w\*?", told))
    assert len(named) >= 3
    assert [path for path in named if not list(ROOT.glob(path))] == []
    instances = set(re.findall(r"cxsdk-(\w+)@", told))
    assert instances == {path.name.partition("@")[0].removeprefix("cxsdk-") for path in UNITS.glob("*@.service")}
