"""``cxsdk``: one command a file."""

from __future__ import annotations


def main() -> None:
    """The entry point; everything else is imported when it is needed."""
    from cxsdk.cli.group import run

    run()
