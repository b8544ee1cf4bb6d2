"""EspoCRM: people, calls, e-mails, messages and tasks over its REST API; won deals as business events."""

from __future__ import annotations

from cxsdk import hookimpl
from cxsdk_espocrm.crm import EspoCRM

__all__ = ["EspoCRM"]


@hookimpl
def register_crms() -> list[type[EspoCRM]]:
    """The one CRM of this plugin."""
    return [EspoCRM]
