"""Who somebody is in amoCRM, and what was written there under our keys."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

from cxsdk import AuthenticationError, BadInput, Identity, Person, Rejected, Unsupported, phone
from cxsdk_amocrm.client import Api, Record
from cxsdk_amocrm.incoming import values_in
from cxsdk_amocrm.outgoing import mark_of

#: The kinds of cards on which notes stand; those of buyers are there only where an account has them.
CARDS = ("contacts", "leads", "companies", "customers")
#: By so many last digits amoCRM compares numbers: people write the rest as they like.
DIGITS = 10


#: Of many looks in a call, so many go at once, and then so many a second: amoCRM allows 7 in any second.
AT_ONCE, A_SECOND = 3, 4


class _Pace:
    """Spreads the looks of one call: its permits are taken for all of them together."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._looks = 0

    def wait(self) -> None:
        """Waits until the next look may be made."""
        self._looks += 1
        ahead = (self._looks - AT_ONCE) / A_SECOND - (time.monotonic() - self._began)
        if ahead > 0:
            time.sleep(ahead)


def find_people(api: Api, who: Sequence[Person], region: str | None) -> Iterator[str | None]:
    """For each person, the oldest contact with one of their identities."""
    pace = _Pace()
    for person in who:
        known = (identity for identity in person.identities if identity.kind in ("phone", "email"))
        found = (_contact(api, identity, region, pace) for identity in known)
        yield next((id for id in found if id), None)


def _contact(api: Api, identity: Identity, region: str | None, pace: _Pace) -> str | None:
    pace.wait()
    words = identity.value[-DIGITS:] if identity.kind == "phone" else identity.value
    found = api.search("contacts", words.lstrip("+"))
    return next((str(record["id"]) for record in found if _has(record, identity, region)), None)


def _has(record: Record, identity: Identity, region: str | None) -> bool:
    held = values_in(record, identity.kind.upper())
    if identity.kind == "email":
        return identity.value in [value.strip().lower() for value in held]
    return any(_same_number(value, identity.value, region) for value in held)


def _same_number(written: str, number: str, region: str | None) -> bool:
    """Whether what somebody wrote is this E.164 number; without a country code it may be any country's."""
    try:
        return phone(written, region=region).value == number
    except BadInput:
        digits = re.sub(r"\D", "", written).lstrip("0")
        return len(digits) >= 7 and number.endswith(digits)


def find_written(api: Api, keys: Sequence[str]) -> Iterator[str | None]:
    """For each key, the task, note or contact that bears it."""
    left, found = set(keys), dict[str, str]()
    for key, name in _written(api, left):
        found.setdefault(key, name)
        left.discard(key)
        if not left:
            break
    for key in keys:
        yield found.get(key)


def _written(api: Api, keys: set[str]) -> Iterator[tuple[str, str]]:
    """What bears a key, newest first; ``keys`` are those that are still looked for."""
    for task in api.latest("tasks"):
        if key := mark_of(task.get("text")):
            yield key, str(task["id"])
    for card in CARDS:
        for note in _notes(api, card):
            if key := _key(note):
                yield key, f"{card}:{note['entity_id']}:{note['id']}"
    pace = _Pace()
    for key in sorted(keys):
        pace.wait()
        for contact in api.search("contacts", key):
            if key in values_in(contact, api.key_code):
                yield key, str(contact["id"])


def _notes(api: Api, card: str) -> Iterator[Record]:
    try:
        yield from api.latest(f"{card}/notes")
    except (Rejected, Unsupported, AuthenticationError):
        if card != "customers":  # buyers can be switched off
            raise


def _key(note: Record) -> str | None:
    params = note.get("params")
    if not isinstance(params, dict):
        return None
    return str(params["uniq"]) if params.get("uniq") else mark_of(params.get("text"))
