"""Bitrix24: people, calls, e-mails, messages and tasks over its REST API; won deals as business events."""

from __future__ import annotations

from cxsdk import hookimpl
from cxsdk_bitrix24.crm import Bitrix24

__all__ = ["Bitrix24"]


@hookimpl
def register_crms() -> list[type[Bitrix24]]:
    """The one CRM of this plugin."""
    return [Bitrix24]
