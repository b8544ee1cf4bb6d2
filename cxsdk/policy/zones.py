"""Where a customer's clock stands: the time zone of a phone's country, where that country keeps one time.

The table is zone.tab of the IANA time zone database, as the tzdata package brings it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

#: The table says itself that it cannot place this zone, and files it under UA; no number of +380 is served there.
_MISPLACED = frozenset({"Europe/Simferopol"})


def zone_of(phone: str | None, default: str) -> str:
    """The zone of the country of a phone number (E.164), or ``default``.

    The default holds without a phone, for numbers of no country, and for countries with several times (US, RU): a
    guess there would wake people. Zones of one country whose clocks agree (Berlin and Büsingen) count as one.
    """
    return _single_zones().get(_country(phone), default) if phone else default


@lru_cache(maxsize=16_384)
def _country(phone: str) -> str:
    import phonenumbers  # its metadata is loaded when the first number is read

    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone)) or ""
    except phonenumbers.NumberParseException:
        return ""


@cache
def _single_zones() -> Mapping[str, str]:
    table = files("tzdata") / "zoneinfo"
    zones = _zones_by_country(table)
    return {country: names[0] for country, names in zones.items() if len({_rule(table, name) for name in names}) == 1}


def _zones_by_country(table: Traversable) -> Mapping[str, list[str]]:
    zones = defaultdict(list)
    for line in (table / "zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, name = line.split("\t")[:3]
            if name not in _MISPLACED:
                zones[country].append(name)
    return zones


def _rule(table: Traversable, name: str) -> bytes:
    # A TZif file ends with the rule for all time to come (RFC 9636, section 3.3): equal rules are equal clocks.
    return (table / name).read_bytes().splitlines()[-1]
