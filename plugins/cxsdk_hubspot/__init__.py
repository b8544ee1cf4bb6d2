"""HubSpot: people, calls, e-mails, messages and tasks over its CRM API; won deals as business events."""

from __future__ import annotations

from cxsdk import hookimpl
from cxsdk_hubspot.crm import HubSpot

__all__ = ["HubSpot"]


@hookimpl
def register_crms() -> list[type[HubSpot]]:
    """The one CRM of this plugin."""
    return [HubSpot]
