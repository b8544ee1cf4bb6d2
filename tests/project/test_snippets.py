"""What the pages show, runs: programs as they stand there, commands as far as the command line reads them.

The comment above a block of Python says what is done with it:

- ``run``: it is a whole program;
- ``run with the above``: it goes on from the ``run`` blocks above it on its page;
- ``run: name``: it is the file of that name in a project that a test of the page builds;
- ``not run: reason``.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from cxsdk.cli.group import cli
from tests.children import Child
from tests.project.pages import DOCS, PROSE, Block, blocks, page, written
from tests.project.tree import ROOT

PYTHON = list(blocks("python"))
SHELL = list(blocks("sh", "bash", "shell", "console"))
#: Blocks of other languages, and how each is read.
READ = {"json": lambda text: json.loads(f"[{text}]".replace("}\n{", "},{")), "toml": tomllib.loads}
#: Pages whose parts of a project a test builds and runs.
PROJECTS = {DOCS / "tutorial.md"}
MARK = re.compile(r"run|run with the above|run: [\w/.-]+|not run: .{10,}")


def test_the_pages_have_programs_and_commands() -> None:
    assert len(PYTHON) > 35
    assert len(list(commands())) > 25


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.place)
def test_a_block_of_python_says_whether_it_is_run(block: Block) -> None:
    assert MARK.fullmatch(block.mark), f"{block.place}: write <!-- run -->, or <!-- not run: why --> above it."


def test_parts_of_a_project_stand_only_where_a_test_builds_it() -> None:
    assert {block.page for block in PYTHON if block.mark.startswith("run: ")} == PROJECTS


@pytest.mark.parametrize("block", [one for one in PYTHON if one.mark.startswith("not run")], ids=lambda one: one.place)
def test_what_is_not_run_is_python_all_the_same(block: Block) -> None:
    compile(block.text, block.place, "exec", dont_inherit=True)


def _programs() -> Iterator[tuple[str, str]]:
    above: dict[Path, list[str]] = {}
    for block in PYTHON:
        if block.mark == "run":
            above.setdefault(block.page, []).append(block.text)
            yield block.place, block.text
        elif block.mark == "run with the above":
            yield block.place, "\n".join([*above[block.page], block.text])


@pytest.mark.parametrize(("place", "program"), [pytest.param(*each, id=each[0]) for each in _programs()])
def test_a_program_on_a_page_runs(place: str, program: str, tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(program, encoding="utf-8")
    secrets = dict.fromkeys(re.findall(r'Secret\.env\("(\w+)"\)', program), "123456:sample-value")
    secrets |= {name: "https://example.com/rest/1/sample/" for name in secrets if name.endswith("_URL")}
    child = Child(_run_program, str(script), env=secrets, log=tmp_path / "said")
    child.wait(60)
    assert child.code == 0, child.said()
    child.kill()


def _run_program(script: str) -> None:
    os.chdir(Path(script).parent)
    sys.path[:0] = [str(Path(script).parent)]
    warnings.simplefilter("error")
    runpy.run_path(script, run_name="__main__")


def test_what_programs_import_warns_of_nothing() -> None:
    imports = {line for _, program in _programs() for line in re.findall(r"^(?:import|from) .*", program, re.MULTILINE)}
    run = [sys.executable, "-W", "error", "-c", "\n".join(sorted(line for line in imports if not line.endswith("(")))]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# -- commands


def commands() -> Iterator[tuple[str, list[str]]]:
    """Each call of ``cxsdk`` in a block of shell: where it stands, and its words."""
    for block in SHELL:
        for words in _calls(block.text):
            yield block.place, words


def _named(places: Iterable[tuple[str, list[str]]]) -> list[Any]:
    return [pytest.param(place, words, id=f"{place} {' '.join(words)}") for place, words in places]


def _calls(shell: str) -> Iterator[list[str]]:
    """The words behind each ``cxsdk``, up to where its command ends."""
    uncommented = re.sub(r"(^|\s)#.*$", r"\1", shell.replace("\\\n", " "), flags=re.MULTILINE)
    lexer = shlex.shlex(uncommented, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    words: list[str] | None = None
    for token in [*lexer, "\n"]:
        if token[0] in "();<>|&\n":
            yield from [words] if words else []
            words = None
        elif words is not None:
            words.append(token)
        elif token.rpartition("/")[2] == "cxsdk":
            words = []


@pytest.mark.parametrize(("place", "words"), _named(commands()))
def test_a_command_on_a_page_is_one(place: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXSDK_APP", "shop.py")  # the pages say where it is set
    command, rest = _command(words)
    command.make_context(" ".join(words), rest, resilient_parsing=False)


def _command(words: Sequence[str]) -> tuple[click.Command, list[str]]:
    """The innermost command that the words name, and those that are left for it."""
    command: click.Command = cli
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        inner = command.get_command(click.Context(command), rest[0])
        assert inner is not None, f"There is no command {rest[0]}."
        command, rest = inner, rest[1:]
    return command, rest


def _mentions() -> Iterator[tuple[str, list[str]]]:
    """Each call of ``cxsdk`` that is named in the middle of a text."""
    for path in PROSE:
        prose = re.sub(r"^```.*?^```$", "", written(path), flags=re.DOTALL | re.MULTILINE)
        for said in sorted(set(re.findall(r"`cxsdk ([a-z][^`]*)`", prose))):
            yield str(path.relative_to(ROOT)), said.replace("\n", " ").split()


@pytest.mark.parametrize(("place", "words"), _named(_mentions()))
def test_a_command_that_a_text_names_is_there_with_its_options(place: str, words: list[str]) -> None:
    command, rest = _command(words)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= known | {"--help"}


# -- other languages


@pytest.mark.parametrize("block", list(blocks(*READ)), ids=lambda block: block.place)
def test_what_stands_in_a_format_is_of_that_format(block: Block) -> None:
    assert READ[block.language](block.text)


# -- the mechanism itself


def test_commands_are_found_among_all_that_a_shell_knows() -> None:
    shell = """
A=1 cxsdk dead list --note "a test call" shop.py | jq -r .reason  # cxsdk dies
TOKEN=$(cxsdk token create shop) && sudo /opt/cx/bin/cxsdk run \\
    --port 8001; systemctl start cxsdk-web
"""
    assert list(_calls(shell)) == [
        ["dead", "list", "--note", "a test call", "shop.py"],
        ["token", "create", "shop"],
        ["run", "--port", "8001"],
    ]


@pytest.mark.parametrize("words", [["deed", "list"], ["dead", "lost"]])
def test_a_command_that_does_not_exist_is_noticed(words: list[str]) -> None:
    with pytest.raises(AssertionError, match="There is no command"):
        _command(words)


def test_a_block_inside_of_what_is_generated_is_not_run() -> None:
    assert "```python\ndef on_case_opened(" in page("hooks.md")
    assert not [block for block in PYTHON if block.text.startswith("def on_case_opened(")]
