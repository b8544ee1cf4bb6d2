"""How Sphinx makes a site of these pages: ``make docs``. The site loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent
#: Files beside the pages that are pages of the site too, or stand for one.
PAGES = {
    ROOT / "README.md": DOCS / "start.md",
    ROOT / "CHANGELOG.md": DOCS / "changelog.md",
    DOCS / "plugins": DOCS / "plugins/index.md",
}

project = "cxsdk"
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
nitpicky = True
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"cxsdk {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False

_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)([^)#\s]+)(#[^)\s]+)?\)")


def setup(app: Sphinx) -> None:
    """Links that lead out of these pages are mended where they are read."""
    app.connect("source-read", lambda _, docname, source: _mend(source, DOCS / docname, DOCS / docname))
    app.connect("include-read", lambda _, path, docname, source: _mend(source, DOCS / path, DOCS / docname))


def _mend(source: list[str], written: Path, shown: Path) -> None:
    source[0] = _LINK.sub(partial(_link, written.resolve().parent, shown.parent), source[0])


def _link(written: Path, shown: Path, found: re.Match[str]) -> str:
    """A link as it is needed on the page that shows it; of a file that is no page of the site, its path."""
    label, target, anchor = found.groups()
    place = (written / target).resolve()
    place = PAGES.get(place, place)
    if place.is_relative_to(DOCS):
        return f"[{label}]({os.path.relpath(place, shown)}{anchor or ''})"
    return f"{label} (`{place.relative_to(ROOT)}`)" if place.exists() and place.name not in label else label
