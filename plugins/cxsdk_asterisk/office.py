"""Who is who in what Asterisk tells: trunks and phones, customers' numbers and agents. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import quote

from cxsdk import BadInput, Identity, is_withheld, phone

#: What Asterisk appends to an endpoint's name to name one channel of it: ``PJSIP/101-0000002f``, ``DAHDI/1-1``.
_ONE_OF = re.compile(r"-[0-9a-zA-Z]+(;[12])?$")
_AUDIO = re.compile(r"\.(wav|wav49|gsm|mp3|ogg|opus|ulaw|alaw|g722|sln\d*)$", re.IGNORECASE)


def endpoint(channel: str) -> str:
    """What a channel leads to: ``PJSIP/101``, ``Local/101@agents``."""
    return _ONE_OF.sub("", channel)


@dataclass(frozen=True)
class Office:
    """The settings that tell the company's side of a call from the customer's."""

    trunks: tuple[str, ...]
    region: str | None
    own_numbers: frozenset[str]
    agents: Mapping[str, str]
    recordings: tuple[str, str | None]

    def is_trunk(self, channel: str) -> bool:
        """Whether a channel leads out of the house."""
        return any(fnmatchcase(endpoint(channel), pattern) for pattern in self.trunks)

    def agent(self, interface: str, member: str = "") -> str | None:
        """The employee at a phone: as the settings tell, a queue member's e-mail address, or the phone's own name."""
        known = self.agents.get(interface) or self.agents.get(member)
        name = interface.partition("/")[2].partition("@")[0].partition("/")[0]
        return known or (member if "@" in member and "/" not in member else None) or name or None

    def customer(self, number: str) -> Identity | None:
        """The customer behind a number; None where it is withheld, an extension, or one of our own."""
        found = None if is_withheld(number) else _read_number(number, self.region)
        return found if found and found.value not in self.own_numbers else None

    def dialled(self, dial_string: str, shown: str) -> Identity | None:
        """The customer whom a trunk dialled; else perhaps whom it shows: that may begin with a digit for the line."""
        first = dial_string.partition(",")[0].partition("&")[0]
        number = (first.rpartition("@")[0] or first).rpartition("/")[2].rpartition(":")[2]
        perhaps = self.customer(shown)
        return self.customer(number) or (perhaps.maybe() if perhaps else None)

    def recording_url(self, file: str) -> str | None:
        """Where agents hear a recording, by the path of its file."""
        folder, base = self.recordings
        if base is None or not _AUDIO.search(file):
            return None
        return f"{base.rstrip('/')}/{quote(file.removeprefix(folder).lstrip('/'))}"


def _read_number(number: str, region: str | None) -> Identity | None:
    """A number as the region writes it, or with its country code but no ``+``; rather one that is somebody's."""
    found = [each for each in (_phone(number, region), _phone(f"+{number.lstrip('+0')}", None)) if each]
    return next((each for each in found if each.is_known), found[0] if found else None)


def _phone(number: str, region: str | None) -> Identity | None:
    try:
        return phone(number, region=region)
    except BadInput:
        return None
