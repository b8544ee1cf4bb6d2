"""Message-IDs: the ones we give, and reading others'."""

from __future__ import annotations

import hashlib
import re

from cxsdk_email.addresses import domain_of

#: Tells our own mails from those that agents write with clients that use the same domain in their Message-IDs.
_MARK = ".cxsdk"
_OURS = re.compile(rf"<[A-Za-z0-9_.-]{{1,80}}{re.escape(_MARK)}@[A-Za-z0-9.-]{{1,253}}>")
_ANY = re.compile(r"<[^<>\s]{1,180}>")


def message_id(key: str, address: str) -> str:
    """The Message-ID of a message with this key: the same key always gets the same one."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", key) or len(key) > 64:
        key = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"<{key}{_MARK}@{domain_of(address)}>"


def is_ours(identifier: str) -> bool:
    """Whether cxsdk gave this Message-ID."""
    return _OURS.fullmatch(identifier) is not None


def find_ours(text: str) -> str | None:
    """The first of our Message-IDs in a text."""
    found = _OURS.search(text)
    return found.group() if found else None


def message_ids(text: str) -> list[str]:
    """All Message-IDs in a header's value, in order."""
    return _ANY.findall(text)
