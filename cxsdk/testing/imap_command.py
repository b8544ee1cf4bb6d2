"""Reads what IMAP clients say: words, quoted strings and literals."""

from __future__ import annotations

import re

from cxsdk.testing.line_server import Connection


def read_command(connection: Connection) -> tuple[str, str, list[bytes]]:
    """One command: its tag, its verb, and its arguments with quotes and literals resolved; lists are kept as text."""
    words: list[bytes] = []
    while True:
        line = connection.line()
        literal = re.search(rb"\{(\d+)(\+?)\}$", line)
        words += _words(line[: literal.start()] if literal else line)
        if literal is None:
            tag, verb, *arguments = [*words, b"", b""]
            return tag.decode("ascii", "replace"), verb.decode("ascii", "replace").upper(), arguments[:-2] or []
        if not literal[2]:
            connection.write_line("+ go on")
        words.append(connection.exactly(int(literal[1])))


def _words(line: bytes) -> list[bytes]:
    found = re.findall(rb'"((?:[^"\\]|\\.)*)"|(\([^)]*\))|([^\s()"]+)', line)
    return [re.sub(rb"\\(.)", rb"\1", quoted) or group or atom for quoted, group, atom in found]
