"""A plugin as a distribution of its own, made of templates: what ``cxsdk new plugin`` writes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points, version
from importlib.util import find_spec
from pathlib import Path

import jinja2

import cxsdk
from cxsdk.errors import ConfigurationError
from cxsdk.hooks.loading import GROUP, NAME_LIMIT


@dataclass(frozen=True)
class Kind:
    """What differs between the kinds of plugins, besides their templates."""

    hook: str
    module: str
    payloads: tuple[str, ...] = ()


KINDS = {
    "crm": Kind("register_crms", "crm"),
    "channel": Kind("register_channels", "channel", ("message.received.json", "message.status.json")),
    "survey": Kind("register_survey_providers", "provider", ("answer.json",)),
}
AUTHS = ("token", "oauth2", "basic")

_TEMPLATES = Path(__file__).parent / "templates" / "plugin"


@dataclass(frozen=True)
class Scaffold:
    """One plugin to be. Raises ConfigurationError for a name that would not do."""

    name: str
    kind: str
    auth: str

    def __post_init__(self) -> None:
        """Checks the name."""
        if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", self.name) or len(self.name) > NAME_LIMIT:
            raise _refused(
                "plugin_name_invalid",
                f"{self.name!r} is no name for a plugin.",
                "Use 1 to 35 lower-case letters and digits, with single - between words, and a letter first.",
            )
        if keyword.iskeyword(self.package) or self.cls in cxsdk.__all__ or _is_taken(self.package):
            raise _refused(
                "plugin_name_taken",
                f"{self.name!r} is the name of something else: of Python, of cxsdk, or of what is installed.",
                f"Choose another, such as {self.name}-cx.",
            )

    @property
    def package(self) -> str:
        """The name of its import package, and of its entry point."""
        return self.name.replace("-", "_")

    @property
    def cls(self) -> str:
        """The name of its class."""
        return "".join(word.capitalize() for word in self.package.split("_"))

    def write(self, into: Path) -> Path:
        """Makes the folder. Raises ConfigurationError where it is there already, and changes nothing then."""
        folder = into / self.name
        files = dict(self._files())
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            raise _refused(
                "folder_exists", f"{folder} is there already.", "Choose another name or --into.", "--into"
            ) from None
        for place, text in files.items():
            file = folder / place
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return folder

    def _files(self) -> Iterator[tuple[str, str]]:
        """Each file's place and text."""
        kind = KINDS[self.kind]
        for place, template in self._places(kind):
            text = (
                _environment()
                .get_template(template)
                .render(
                    name=self.name,
                    package=self.package,
                    cls=self.cls,
                    title=" ".join(word.capitalize() for word in self.package.split("_")),
                    kind=self.kind,
                    auth=self.auth,
                    hook=kind.hook,
                    module=kind.module,
                    version=version("cxsdk"),
                )
            )
            yield place, text

    def _places(self, kind: Kind) -> Iterator[tuple[str, str]]:
        yield "pyproject.toml", "pyproject.toml.j2"
        yield "README.md", "README.md.j2"
        yield ".gitignore", "gitignore.j2"
        yield f"{self.package}/__init__.py", "init.py.j2"
        yield f"{self.package}/py.typed", "py.typed.j2"
        for module in (kind.module, "client", "mapping", "fake"):
            yield f"{self.package}/{module}.py", f"{self.kind}/{module}.py.j2"
        yield f"tests/test_{self.package}.py", f"{self.kind}/test.py.j2"
        for payload in kind.payloads:
            yield f"tests/payloads/{payload}", f"{self.kind}/{payload}.j2"


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # noqa: S701 - it is Python and prose, and whoever names the plugin runs it
    )


def _is_taken(package: str) -> bool:
    return find_spec(package) is not None or package in entry_points(group=GROUP).names


def _refused(code: str, message: str, cure: str, path: str = "NAME") -> ConfigurationError:
    return ConfigurationError(message, path=path, cure=cure, code=code)
