"""E-mail: SMTP out, IMAP in, for one mailbox that customers write to."""

from __future__ import annotations

from collections.abc import Sequence

from cxsdk import Channel, hookimpl
from cxsdk_email.channel import Email

__all__ = ["Email", "register_channels"]


@hookimpl
def register_channels() -> Sequence[type[Channel]]:
    """The channel of this package."""
    return [Email]
