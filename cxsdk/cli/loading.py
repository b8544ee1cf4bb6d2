"""``APP``: the integrator's file, as a path (``shop.py``) or a module (``shop`` or ``shop:cx``)."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from traceback import extract_tb
from typing import Any

import click

from cxsdk.app import CX
from cxsdk.errors import ConfigurationError, CxsdkError
from cxsdk.observe import redact
from cxsdk.store import Store, schema

#: May also stand in the environment, for the many commands about one installation.
app_argument = click.argument("app", metavar="APP", envvar="CXSDK_APP")


#: Set to the address where ``cxsdk dev`` listens: then commands are about the installation there.
DEV = "CXSDK_DEV"
#: What ``cxsdk dev`` has in place of the app's own database, broker and address: what is real is left alone.
DEV_DATABASE, DEV_BROKER = "sqlite:///cxsdk-dev.db", "memory://"


def load_app(app: str) -> CX:
    """The CX object that ``APP`` names. Raises ConfigurationError where there is none."""
    cx, url = _load(app), os.environ.get(DEV)
    return in_development(cx, url) if url else cx


def in_development(cx: CX, url: str) -> CX:
    """The same accounts and rules, and nothing of what is real besides; ``url`` is where ``cxsdk dev`` listens."""
    return cx.model_copy(update={"database": DEV_DATABASE, "broker": DEV_BROKER, "public_url": url.rstrip("/")})


def _load(app: str) -> CX:
    place, _, name = app.partition(":") if not Path(app).exists() else (app, "", "")
    module = _from_file(Path(place)) if place.endswith(".py") else _from_module(place)
    found = getattr(module, name or "cx", None)
    if not isinstance(found, CX):
        raise ConfigurationError(
            f"{app} has no CX object called {name or 'cx'!r}.",
            path="APP",
            cure="Write: cx = CX(...)",
            code="app_invalid",
        )
    return found


def _from_file(path: Path) -> Any:
    if not path.is_file():
        raise ConfigurationError(f"There is no file {path}.", path="APP", cure="Check the path.", code="app_not_found")
    sys.path.insert(0, str(path.parent.resolve()))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} is not Python.", path="APP", cure="Name a .py file.", code="app_invalid")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    with _told_plainly(path):
        spec.loader.exec_module(module)
    return module


def _from_module(name: str) -> Any:
    sys.path.insert(0, str(Path.cwd()))
    spec = _spec(name)
    if spec is None:
        raise ConfigurationError(
            f"There is no module {name}.", path="APP", cure="Name a file (shop.py) or a module.", code="app_not_found"
        )
    with _told_plainly(Path(spec.origin or name)):
        return importlib.import_module(name)


def _spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ModuleNotFoundError, ValueError):  # of shop.cx, shop may be missing as well
        return None


@contextmanager
def _told_plainly(path: Path) -> Iterator[None]:
    """What goes wrong while the integrator's own file runs is told with its line, without a way through our code."""
    try:
        yield
    except CxsdkError:
        raise
    except SyntaxError as error:
        raise _broken(Path(error.filename or path), error.lineno, error.msg) from None
    except ModuleNotFoundError as error:
        cure = f"Install what brings {error.name!r}, or correct its name."
        raise _broken(path, _line(path, error), f"there is no module {error.name!r}", cure) from None
    except Exception as error:
        raise _broken(path, _line(path, error), f"{type(error).__name__}: {redact(str(error))}") from error


def _line(path: Path, error: Exception) -> int | None:
    """The line of this file in which it went wrong."""
    mine = [frame.lineno for frame in extract_tb(error.__traceback__) if _is(frame.filename, path)]
    return mine[-1] if mine else None


def _is(file: str, path: Path) -> bool:
    return Path(file).resolve() == path.resolve()


def _broken(path: Path, line: int | None, why: str, cure: str = "Correct the file.") -> ConfigurationError:
    where = f"{path}, line {line}" if line else f"{path}"
    return ConfigurationError(f"{where}: {why}.", path="APP", cure=cure, code="app_invalid")


def make_ready(cx: CX) -> None:
    """Brings a file of one process up to date, so that it can be asked about before anything ran on it."""
    schema.upgrade_sqlite(cx.store())


@contextmanager
def store_of(cx: CX) -> Iterator[Store]:
    """An installation's database, ready to be read and written."""
    make_ready(cx)
    with closing(cx.store()) as store:
        schema.check(store)
        yield store
