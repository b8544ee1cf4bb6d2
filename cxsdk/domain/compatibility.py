"""Which versions of cxsdk a plugin works with, as its author says."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

NAME = "cxsdk"
#: What to do where a plugin does not fit; see docs/compatibility.md.
CURE = f"Install a version of the plugin that fits, or another version of {NAME}."


def misfit(requires: str) -> str:
    """Why this cxsdk is not what ``requires`` (``">=0.1,<2"``) asks for; nothing where it is."""
    if not requires:
        return ""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # a tenth of a start: few plugins need it

    try:
        wanted = SpecifierSet(requires)
    except InvalidSpecifier:
        return f'requires_cxsdk must name versions, as in ">=0.1,<2"; {requires!r} names none.'
    here = version(NAME)
    return "" if wanted.contains(here, prereleases=True) else f"It requires cxsdk {wanted}, and this is {here}."


def required(requirements: Iterable[str]) -> str:
    """What a distribution's requirements (``Requires-Dist``) ask of cxsdk; those of its extras do not count."""
    ours = [one for one in requirements if one.lower().startswith(NAME)]
    return ",".join(filter(None, map(_specifier, ours)))


def _specifier(requirement: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        one = Requirement(requirement)
    except InvalidRequirement:
        return ""  # whoever installed it has dealt with it
    is_meant = one.name.lower() == NAME and (one.marker is None or one.marker.evaluate({"extra": ""}))
    return str(one.specifier) if is_meant else ""
