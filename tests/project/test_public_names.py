"""What `cxsdk` offers: the same names to people, to type checkers and at run time, and nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import cxsdk

HEAVY = {
    "cryptography",
    "dramatiq",
    "fastapi",
    "phonenumbers",
    "pluggy",
    "pydantic",
    "requests",
    "sqlalchemy",
    "structlog",
}


def _names_for_type_checkers() -> dict[str, str]:
    tree = ast.parse(Path(cxsdk.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: str(node.module) for node in imports for alias in node.names}


def test_the_names_that_load_are_those_that_type_checkers_see() -> None:
    assert _names_for_type_checkers() == cxsdk._HOME_OF


def test_all_lists_every_public_name_in_order() -> None:
    assert cxsdk.__all__ == sorted(_names_for_type_checkers())
    assert dir(cxsdk) == cxsdk.__all__


@pytest.mark.parametrize("name", cxsdk.__all__)
def test_a_public_name_is_what_its_home_defines(name: str) -> None:
    assert getattr(cxsdk, name) is getattr(import_module(cxsdk._HOME_OF[name]), name)


def test_a_name_that_is_not_offered_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        getattr(cxsdk, "Nothing")  # noqa: B009


def test_importing_cxsdk_does_no_work() -> None:
    script = "import sys, cxsdk; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & set(loaded.split())
