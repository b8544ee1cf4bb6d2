"""The pages tell what the code has, hold together, and are found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from zipfile import ZipFile

import click
import pytest

from cxsdk import CX, FollowUp, Limit, Loyalty, Plugin, PostPurchase
from cxsdk.cli.findings import CODES
from cxsdk.cli.group import COMMANDS
from cxsdk.domain.settings import Settings
from cxsdk.domain.texts import text_ids
from cxsdk.errors import CxsdkError, all_errors
from cxsdk.hooks import specs
from cxsdk.policy.rules import Budgets
from tests.project.pages import DOCS, PAGES, PROSE, page
from tests.project.tree import PLUGINS, PYPROJECT, ROOT, SHIPPED
from tests.scaffolds import tutorial, tutorial_parts

HOOKS = [name for name, value in vars(specs).items() if hasattr(value, "cxsdk_spec")]


def test_what_is_made_of_the_code_is_fresh() -> None:
    check = [sys.executable, str(DOCS / "generate.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_stale_page_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS))
    generate = import_module("generate")
    monkeypatch.delitem(sys.modules, "generate")
    stale = page("hooks.md").replace("def filter_message(", "def filter_letter(")
    assert generate.fresh(DOCS / "hooks.md") == page("hooks.md") != stale
    assert generate._PART.sub(generate._part, stale) == page("hooks.md")


# -- everything is documented


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_documented_with_its_signature(hook: str) -> None:
    assert f"### {hook}\n\n```python\ndef {hook}(" in page("hooks.md")


def test_every_hook_has_a_test_of_its_own() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    tests = {name for source in sources for name in re.findall(r"^def (test_hook_\w+)\(", source, re.MULTILINE)}
    assert tests == {f"test_hook_{hook}" for hook in HOOKS}


@pytest.mark.parametrize("error", [e for e in all_errors() if e.__module__ == "cxsdk.errors"])
def test_an_error_is_documented_with_its_code(error: type[CxsdkError]) -> None:
    assert f"| `{error.__name__}` | `{error.code}` |" in page("errors.md")


def test_every_code_in_the_code_is_documented() -> None:
    sources = (path.read_text(encoding="utf-8") for path in SHIPPED)
    codes = {code for source in sources for code in re.findall(r"""\bcode ?= ?["']([a-z_0-9]+)["']""", source)}
    told = page("errors.md")
    assert len(codes) > 50
    assert {code for code in codes if f"| `{code}` |" not in told} == set()


def test_every_code_says_what_to_make_of_it() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| [^|]+ \| (.*?) \| [^|]*\|$", page("errors.md").partition("## The codes")[2], re.MULTILINE
    )
    assert len(rows) > 50
    assert [code for code, words in rows if not re.search("[a-z]{2}", words)] == []


@pytest.mark.parametrize("code", CODES)
def test_what_the_doctor_finds_is_documented_with_its_cure(code: str) -> None:
    assert f"| `{code}` | {CODES[code].severity} | {CODES[code].means}" in page("doctor.md").replace("\\|", "|")


def test_the_doctor_finds_nothing_that_has_no_code() -> None:
    sources = (ROOT / "cxsdk" / "cli" / name for name in ("checks.py", "doctor.py", "live.py"))
    named = {code for path in sources for code in re.findall(r'finding\(\s*"(\w+)"', path.read_text(encoding="utf-8"))}
    assert len(named) > 8
    assert named <= CODES.keys()


def test_every_text_is_documented() -> None:
    told = page("texts.md")
    assert [id for id in text_ids() if f"| `{id}` |" not in told] == []


def _bundled() -> Iterator[type[Settings]]:
    for package in PLUGINS:
        module = import_module(package.name)
        classes = (getattr(module, name) for name in module.__all__)
        yield from (cls for cls in classes if isinstance(cls, type) and issubclass(cls, Plugin))


@pytest.mark.parametrize("model", [CX, PostPurchase, Loyalty, FollowUp, Budgets, Limit, *_bundled()])
def test_every_setting_is_documented(model: type[Settings]) -> None:
    section = re.search(rf"^##+ {model.__name__}\n(.*?)(?=^##|\Z)", page("settings.md"), re.DOTALL | re.MULTILINE)
    assert section is not None
    assert [name for name in model.model_fields if f"| `{name}` |" not in section[1]] == []


def _commands(path: str, command: click.Command) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield path
    else:
        for name, inner in command.commands.items():
            yield from _commands(f"{path} {name}", inner)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_documented(name: str) -> None:
    paths = _commands(f"cxsdk {name}", import_module(COMMANDS[name]).command)
    assert [path for path in paths if f"## {path}\n\n```text\nUsage: {path} " not in page("cli.md")] == []


# -- the pages hold together


def _in_toctrees() -> Iterator[Path]:
    for path in PAGES:
        for tree in re.findall(
            r"^```{toctree}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        ):
            for entry in (line for line in tree.splitlines() if line and not line.startswith(":")):
                yield from path.parent.glob(f"{entry.rpartition('<')[2].rstrip('>')}.md")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_a_page_is_on_the_map(path: Path) -> None:
    assert path in {DOCS / "index.md", *_in_toctrees()}


def test_no_page_is_on_the_map_twice() -> None:
    entries = [path for path in _in_toctrees() if path.name != "index.md"]
    assert sorted(entries) == sorted(set(entries))


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", path.read_text(encoding="utf-8"))
    targets = [(path.parent / link.partition("#")[0], link.partition("#")[2]) for link in links]
    assert [str(target) for target, anchor in targets if not _has(target, anchor)] == []


def _has(target: Path, anchor: str) -> bool:
    if not target.is_file():
        return target.is_dir()
    headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
    return not anchor or anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_sample_of_a_plugins_package_can_be_built(tmp_path: Path) -> None:
    [sample] = re.findall(
        r"^```toml\n(\[build-system\].*?)^```$", page("writing-a-plugin.md"), re.DOTALL | re.MULTILINE
    )
    (tmp_path / "pyproject.toml").write_text(sample, encoding="utf-8")
    (tmp_path / "our_sms").mkdir()
    (tmp_path / "our_sms" / "__init__.py").touch()
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("dist/our_sms-*.whl")
    assert "our_sms/__init__.py" in ZipFile(wheel).namelist()


def test_the_extra_for_tests_brings_what_the_page_about_plugins_imports() -> None:
    imported = set(re.findall(r"^(?:import|from) (\w+)", page("writing-a-plugin.md"), re.MULTILINE))
    foreign = imported - sys.stdlib_module_names - {"cxsdk", "starlette"}  # starlette comes with the core
    extra = PYPROJECT["project"]["optional-dependencies"]["testing"]
    assert foreign
    assert foreign | {"httpx2", "pytest"} == {re.split("[<>=]", requirement)[0] for requirement in extra}


def test_the_tutorial_ends_with_a_plugin_that_conforms_and_a_wheel(tmp_path: Path) -> None:
    folder = tutorial(tmp_path)
    parts = [name for name, _ in tutorial_parts()]
    assert parts == ["acme_desk/__init__", "acme_desk/fake", "tests/test_acme_desk", "shop"]
    paths = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": paths, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    env |= {"ACME_TOKEN": "sample-token", "PBX_SECRET": "sample-secret"}
    commands = (
        ("ruff", "check", "--no-cache"),
        ("pytest", "-q", "-p", "no:cacheprovider", "-W", "error"),
        ("shop",),
        ("hatchling", "build", "-t", "wheel"),
    )
    for command in commands:
        run = [sys.executable, "-m", *command]
        done = subprocess.run(run, cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = folder.glob("dist/*.whl")
    assert f"pip install dist/{wheel.name} " in page("tutorial.md")
    assert {"acme_desk/__init__.py", "acme_desk/fake.py"} <= set(ZipFile(wheel).namelist())
