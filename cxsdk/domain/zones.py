"""Names of time zones."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator


def is_zone(name: str) -> bool:
    """Whether this is the IANA name of a time zone: ``Europe/Kyiv``."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; not a name at all; the name of a folder
        return False
    return True


def _checked(name: str) -> str:
    if not is_zone(name):
        raise ValueError("is not a time zone; write an IANA name such as Europe/Kyiv, or UTC")
    return name


#: A field that holds the IANA name of a time zone.
TimeZone = Annotated[str, AfterValidator(_checked)]
