"""Finds plugins through entry points, one at a time: a broken one is listed as broken and hurts nobody else."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from cxsdk.errors import PluginBug
from cxsdk.hooks import specs

GROUP = "cxsdk.plugins"
#: The longest name of a plugin, in characters: it names a lane of rows.
NAME_LIMIT = 35


@dataclass(frozen=True)
class Found:
    """One plugin that an entry point names. ``problem`` is empty, or says why it is not used."""

    name: str
    distribution: str = ""
    version: str = ""
    problem: str = ""


def load(
    extra: Iterable[tuple[str, Any]] = (), found: Iterable[EntryPoint] | None = None
) -> tuple[pluggy.PluginManager, list[Found]]:
    """A manager with each plugin that could be loaded, and what was found of all of them.

    ``extra`` registers objects that come from code instead of an entry point, by name.
    """
    manager = pluggy.PluginManager("cxsdk")
    manager.add_hookspecs(specs)
    report = [_load_one(manager, point) for point in (entry_points(group=GROUP) if found is None else found)]
    report += [_register(manager, name, plugin, Found(name)) for name, plugin in extra]
    return manager, report


def _load_one(manager: pluggy.PluginManager, point: EntryPoint) -> Found:
    about = Found(
        point.name,
        distribution=point.dist.name if point.dist else "",
        version=point.dist.version if point.dist else "",
    )
    try:
        plugin = point.load()
    except Exception as error:  # whatever a plugin raises at import is its own affair
        return _broken(about, f"It cannot be imported: {type(error).__name__}: {error}")
    return _register(manager, point.name, plugin, about)


def _register(manager: pluggy.PluginManager, name: str, plugin: Any, about: Found) -> Found:
    if manager.has_plugin(name):
        return _broken(about, f"Another plugin is called {name!r}; one of them must be renamed.")
    if len(name) > NAME_LIMIT:
        return _broken(about, f"Its name is longer than {NAME_LIMIT} characters.")
    try:
        _refuse_odd_implementations(manager, plugin)
        manager.register(plugin, name=name)
        _refuse_unknown_hooks(manager, plugin)
    except Exception as error:
        if manager.has_plugin(name):
            manager.unregister(name=name)
        return _broken(about, str(error))
    return about


def _refuse_odd_implementations(manager: pluggy.PluginManager, plugin: Any) -> None:
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is None:
            continue
        method = getattr(plugin, name)
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            raise PluginBug(f"{name} is an async function; hooks are plain functions. Remove 'async'.")
        if options["wrapper"] or options["hookwrapper"]:
            raise PluginBug(f"{name} is a wrapper; cxsdk calls implementations one by one. Remove 'wrapper'.")


def _refuse_unknown_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    for caller in manager.get_hookcallers(plugin) or []:
        if not caller.has_spec():
            raise PluginBug(f"There is no hook {caller.name}; see docs/hooks.md for those there are.")


def _broken(about: Found, problem: str) -> Found:
    return Found(about.name, about.distribution, about.version, problem)
