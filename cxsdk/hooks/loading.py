"""Finds plugins, one at a time: a broken one is listed as broken and hurts nobody else.

Most are installed distributions with an entry point; others are modules and objects of the configuration file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from cxsdk.domain import compatibility
from cxsdk.domain.mistakes import meant
from cxsdk.errors import ConfigurationError, PluginBug
from cxsdk.hooks import specs

GROUP = "cxsdk.plugins"
#: The longest name of a plugin, in characters: it names a lane of rows.
NAME_LIMIT = 35


@dataclass(frozen=True)
class Found:
    """One plugin; without a distribution where code gave it.

    ``problem`` is empty, or says why it is not used; ``code`` is what the doctor calls that.
    """

    name: str
    distribution: str = ""
    version: str = ""
    problem: str = ""
    code: str = "plugin_broken"


def load(
    extra: Iterable[tuple[str, Any]] = (), found: Iterable[EntryPoint] | None = None
) -> tuple[pluggy.PluginManager, list[Found]]:
    """A manager with each plugin that could be loaded, and what was found of all of them.

    ``extra`` are objects that come from code instead of an entry point, by name.
    """
    manager = _manager()
    report = [_load_one(manager, point) for point in (entry_points(group=GROUP) if found is None else found)]
    report += [_register(manager, name, plugin, Found(name)) for name, plugin in extra]
    return manager, report


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("cxsdk")
    manager.add_hookspecs(specs)
    return manager


def named(plugins: Sequence[Any]) -> list[tuple[str, Any]]:
    """Modules and objects of the configuration file under their names: ``__name__``, else the name of the class.

    What is owed to a plugin is kept under its name: it must be one alone, and the same in every process. Raises
    ConfigurationError where it is not, for what is no plugin at all, and for hooks that could never be called.
    """
    by_name: dict[str, Any] = {}
    for number, plugin in enumerate(plugins):
        name = str(getattr(plugin, "__name__", None) or type(plugin).__name__)
        _check(plugin, name, f"CX.plugins.{number}")
        if name in by_name or name in entry_points(group=GROUP).names:
            raise ConfigurationError(
                f"Two plugins are called {name!r}.",
                path=f"CX.plugins.{number}",
                cure='Give this one a __name__ = "…" of its own.',
                code="plugin_name_taken",
            )
        by_name[name] = plugin
    return list(by_name.items())


def _check(plugin: Any, name: str, path: str) -> None:
    if inspect.isclass(plugin):
        raise ConfigurationError(
            "This is a class.", path=path, cure=f"Give an object of it: {name}().", code="plugin_invalid"
        )
    manager = _manager()
    if not any(_implementations(manager, plugin)):
        raise ConfigurationError(
            "This implements no hook.",
            path=path,
            cure="Mark its functions with @hookimpl; CRMs, channels and survey providers have settings of their own.",
            code="plugin_invalid",
        )
    if wrong := _misfit(plugin):
        raise ConfigurationError(wrong, path=path, cure=compatibility.CURE, code="plugin_incompatible")
    if len(name) > NAME_LIMIT:
        raise ConfigurationError(
            f"The plugin's name is longer than {NAME_LIMIT} characters.",
            path=path,
            cure='Give it a shorter __name__ = "…".',
            code="plugin_name_invalid",
        )
    for mistake, cure in _mistakes(manager, plugin):
        raise ConfigurationError(mistake, path=path, cure=cure, code="hook_invalid")


def _load_one(manager: pluggy.PluginManager, point: EntryPoint) -> Found:
    about = Found(
        point.name,
        distribution=point.dist.name if point.dist else "",
        version=point.dist.version if point.dist else "",
    )
    try:
        if wrong := compatibility.misfit(_required_by(point)):
            return _incompatible(about, wrong)  # before it is imported, which may fail for just this reason
        plugin = point.load()
    except Exception as error:  # whatever a plugin raises at import is its own affair
        return _broken(about, f"It cannot be imported: {type(error).__name__}: {error}")
    return _register(manager, point.name, plugin, about)


def _required_by(point: EntryPoint) -> str:
    """The versions of cxsdk that a plugin's distribution requires; our own are what they are."""
    if point.dist is None or point.dist.name == compatibility.NAME:
        return ""
    return compatibility.required(point.dist.requires or ())


def _register(manager: pluggy.PluginManager, name: str, plugin: Any, about: Found) -> Found:
    if manager.has_plugin(name):
        return _broken(about, f"Another plugin is called {name!r}; one of them must be renamed.")
    if len(name) > NAME_LIMIT:
        return _broken(about, f"Its name is longer than {NAME_LIMIT} characters.")
    if (other := manager.get_name(plugin)) is not None:
        return _broken(about, f"It is the plugin {other!r} already.")
    try:
        if wrong := _misfit(plugin):
            return _incompatible(about, wrong)
        for mistake in _mistakes(manager, plugin):
            raise PluginBug(" ".join(mistake))
        manager.register(plugin, name=name)
    except Exception as error:
        if manager.has_plugin(name):
            manager.unregister(name=name)
        return _broken(about, str(error))
    return about


def _misfit(plugin: Any) -> str:
    return compatibility.misfit(str(getattr(plugin, "requires_cxsdk", "")))


def _implementations(manager: pluggy.PluginManager, plugin: Any) -> Iterator[tuple[str, pluggy.HookimplOpts]]:
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is not None:
            yield name, options


def _mistakes(manager: pluggy.PluginManager, plugin: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with a plugin's hooks, each with its cure. Nothing of the plugin is run for it."""
    specified = {caller.name: caller.spec.argnames for caller in vars(manager.hook).values() if caller.spec}
    for name, options in _implementations(manager, plugin):
        hook, method = options["specname"] or name, getattr(plugin, name)
        if hook not in specified:
            yield f"There is no hook {hook}.", f"{meant(hook, specified)} See docs/hooks.md."
        elif inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            yield f"{name} is an async function; hooks are plain functions.", "Remove 'async'."
        elif options["wrapper"] or options["hookwrapper"]:
            yield f"{name} is a wrapper; cxsdk calls implementations one by one.", "Remove 'wrapper'."
        else:
            for argument in _wanted(method):
                if argument not in specified[hook]:
                    yield f"{hook} brings no argument {argument!r}.", meant(argument, specified[hook])


def _wanted(method: Callable[..., Any]) -> Iterator[str]:
    """The arguments without which a function cannot be called."""
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            yield name


def _broken(about: Found, problem: str) -> Found:
    return replace(about, problem=problem)


def _incompatible(about: Found, wrong: str) -> Found:
    return replace(about, problem=f"{wrong} {compatibility.CURE}", code="plugin_incompatible")
