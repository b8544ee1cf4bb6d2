"""What the files under ``examples/deploy`` start, read from them as systemd and Compose read them."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "examples" / "deploy"
UNITS = DEPLOY / "systemd"
#: Where things are on a server and in the image, and where they are here.
HERE = {
    "/opt/cx/.venv/bin": str(Path(sys.executable).parent),
    "/opt/cx": str(DEPLOY),
    "/app": str(DEPLOY),
    "/venv/bin": str(Path(sys.executable).parent),
}
#: The port that web has inside its container.
INSIDE = "8000"


@dataclass(frozen=True)
class Process:
    """A process that a file starts."""

    name: str
    command: list[str]
    env: Mapping[str, str]
    grace_s: float
    #: What is run to see whether it is ready, where the file says so.
    check: list[str] | None = None

    @property
    def role(self) -> str:
        """Which of our commands it is: web, worker, clock or db."""
        return self.command[1]


# -- systemd


def unit(name: str) -> dict[str, list[str]]:
    """All settings of a unit such as ``cxsdk-web@8001.service``, those for every unit of ours among them."""
    kind, _, rest = name.partition("@")
    instance = rest.partition(".")[0]
    files = [*sorted((UNITS / "cxsdk-.service.d").iterdir()), UNITS / (f"{kind}@.service" if rest else name)]
    settings: dict[str, list[str]] = {}
    for line in (line for file in files for line in file.read_text(encoding="utf-8").splitlines()):
        key, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            settings.setdefault(key, []).append(value.replace("%i", instance))
    return settings


def units(values: Mapping[str, str], port: int) -> list[Process]:
    """What the units start on a machine with two workers and two clocks, with these values in their file."""
    names = ["cxsdk-migrate", f"cxsdk-web@{port}", *(f"cxsdk-{kind}@{n}" for kind in ("worker", "clock") for n in "12")]
    given = filled_in(UNITS / "cx.env.sample", values)
    return [_of_unit(f"{name}.service", given) for name in names]


def _of_unit(name: str, given: Mapping[str, str]) -> Process:
    settings = unit(name)
    own = dict(line.split("=", 1) for line in settings["Environment"])
    [command] = settings["ExecStart"]
    check = settings.get("ExecStartPost")
    return Process(
        name=name,
        command=_here(shlex.split(command)),
        env={**{name: _at_home(value) for name, value in own.items()}, **given},
        grace_s=float(settings["TimeoutStopSec"][-1]),
        check=shlex.split(check[0]) if check else None,
    )


# -- Compose and the image


def compose() -> dict[str, Any]:
    """The Compose file, its merge keys resolved."""
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(DEPLOY / "compose.yaml")
    return loaded


def image(instruction: str) -> list[list[str]]:
    """The words of every such instruction of the Dockerfile."""
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    return [re.sub(r'[\[\]",]', " ", line).split()[1:] for line in lines if line.startswith(f"{instruction} ")]


def services(values: Mapping[str, str], port: int) -> list[Process]:
    """What Compose starts of ours, one of each: its replicas are told by ``compose``."""
    given = filled_in(DEPLOY / "compose.env.sample", values)
    ours = {name: service for name, service in compose()["services"].items() if service["image"] == "cx"}
    ours.pop("web2")  # the same on another port of the machine
    return [_of_service(name, ours[name], given, str(port)) for name in sorted(ours, key=lambda n: n != "migrate")]


def _of_service(name: str, service: Mapping[str, Any], given: Mapping[str, str], port: str) -> Process:
    [[entrypoint]] = image("ENTRYPOINT")
    own = dict(word.split("=", 1) for word in image("ENV")[-1])
    told = {name: _interpolated(value, given) for name, value in service["environment"].items()}
    check = service.get("healthcheck", {}).get("test", [])[1:]
    return Process(
        name=name,
        command=[_program(entrypoint), *(word.replace(INSIDE, port) for word in service["command"])],
        env={name: _at_home(value) for name, value in own.items() if name != "PATH"} | told,
        grace_s=float(service["stop_grace_period"].removesuffix("s")),
        check=[_program(check[0]), *(word.replace(INSIDE, port) for word in check[1:])] if check else None,
    )


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _interpolated(value: str, given: Mapping[str, str]) -> str:
    """``${NAME:?}`` and ``${NAME:-default}``, filled in."""
    return re.sub(r"\$\{(\w+):[?-]([^}]*)\}", lambda found: given.get(found[1]) or found[2], value)


# -- both


def filled_in(sample: Path, values: Mapping[str, str]) -> dict[str, str]:
    """An environment file as an operator fills it in: a value only for what the sample names."""
    lines = (line for line in sample.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))
    named = dict(line.split("=", 1) for line in lines)
    return {name: values.get(name, value) or "sample-value-of-a-secret" for name, value in named.items()}


def _here(command: list[str]) -> list[str]:
    return [_at_home(command[0]), *command[1:]]


def _at_home(path: str) -> str:
    place = next((place for place in HERE if path.startswith(f"{place}/")), "")
    return HERE[place] + path.removeprefix(place) if place else path


def commands_on(page: Path, program: str) -> Iterator[list[str]]:
    """The calls of a program that stand in a page's shell blocks."""
    for block in re.findall(r"^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if program in words:
                yield words[words.index(program) + 1 :]
