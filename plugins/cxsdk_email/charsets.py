"""Bytes to text, whatever the sender claims about them."""

from __future__ import annotations

import codecs
import re

#: Python codecs that are no charsets of mail, and some of which are slow or raise on purpose.
_NOT_TEXT = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "mbcs", "oem"}
#: Claims under which mail in other charsets is sent: the default of a program that never asked.
_CARELESS = {"ascii", "iso8859-1", "cp1252", "iso8859-15"}
_OTHER_NAMES = {"koi8u": "koi8-u", "koi8r": "koi8-r", "win-1251": "cp1251", "cp-1251": "cp1251", "win1251": "cp1251"}

# All control characters but tab and line feed: databases and CRMs refuse some of them, people see none.
_CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}


def decode(data: bytes, charset: str | None) -> str:
    """The text in these bytes. Never raises: what cannot be read becomes U+FFFD."""
    for name in (_codec(charset), "utf-8", "cp1251" if _looks_cyrillic(data) else None):
        if name is None or (name in _CARELESS and not data.isascii()):
            continue
        try:
            return storable(data.decode(name))
        except (ValueError, LookupError):
            continue
    claimed = _codec(charset)
    return storable(data.decode(claimed if claimed and claimed != "ascii" else "cp1252", "replace"))


def storable(text: str) -> str:
    """Text as any database takes it: LF line ends, no control characters, no halves of characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _codec(charset: str | None) -> str | None:
    name = (charset or "").strip().strip("\"'").lower()
    try:
        found = codecs.lookup(_OTHER_NAMES.get(name, name))
    except (LookupError, ValueError):
        return None
    is_text = getattr(found, "_is_text_encoding", True)
    return found.name if is_text and found.name.replace("_", "-") not in _NOT_TEXT else None


def _looks_cyrillic(data: bytes) -> bool:
    """Whether bytes beyond ASCII make whole words, as in Cyrillic, rather than single letters, as in French."""
    foreign = len(re.findall(rb"[\xa8\xaa\xaf\xb2\xb3\xb4\xb8\xba\xbf\xc0-\xff]", data))
    return (
        foreign > len(re.findall(rb"[A-Za-z]", data)) or len(re.findall(rb"[\xc0-\xff]{4,}", data)) * 8 >= foreign > 0
    )
