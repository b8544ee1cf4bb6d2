"""Plain Tickets for cxsdk."""

from __future__ import annotations

from cxsdk import hookimpl

from plain_tickets.crm import PlainTickets

__all__ = ["PlainTickets"]


@hookimpl
def register_crms() -> list[type[PlainTickets]]:
    """The classes of this plugin: cxsdk finds them by the entry point in pyproject.toml."""
    return [PlainTickets]
