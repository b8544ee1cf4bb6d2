"""amoCRM, Kommo: people, leads, calls, e-mails, messages and tasks over its API; won leads as business events."""

from __future__ import annotations

from cxsdk import hookimpl
from cxsdk_amocrm.crm import AmoCRM

__all__ = ["AmoCRM"]


@hookimpl
def register_crms() -> list[type[AmoCRM]]:
    """The one CRM of this plugin."""
    return [AmoCRM]
