"""``APP``: the integrator's file, as a path (``shop.py``) or a module (``shop`` or ``shop:cx``)."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

import click

from cxsdk.app import CX
from cxsdk.errors import ConfigurationError

#: May also stand in the environment, for the many commands about one installation.
app_argument = click.argument("app", metavar="APP", envvar="CXSDK_APP")


def load_app(app: str) -> CX:
    """The CX object that ``APP`` names. Raises ConfigurationError where there is none."""
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
    spec.loader.exec_module(module)
    return module


def _from_module(name: str) -> Any:
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ConfigurationError(
            f"There is no module {name}.", path="APP", cure="Name a file (shop.py) or a module.", code="app_not_found"
        ) from None
