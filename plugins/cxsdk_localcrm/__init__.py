"""A small real CRM in a file of its own, so that cxsdk has one to sit next to on a bare machine."""

from __future__ import annotations

from cxsdk import hookimpl
from cxsdk_localcrm.crm import LocalCRM

__all__ = ["LocalCRM"]


@hookimpl
def register_crms() -> list[type[LocalCRM]]:
    """The one CRM of this plugin."""
    return [LocalCRM]
