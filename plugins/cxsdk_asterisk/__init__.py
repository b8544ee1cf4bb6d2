"""Asterisk: calls, read over the Asterisk Manager Interface (AMI)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxsdk import hookimpl
from cxsdk_asterisk.channel import Asterisk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxsdk import Channel

__all__ = ["Asterisk"]


@hookimpl
def register_channels() -> Sequence[type[Channel]]:
    """Makes the channel known."""
    return [Asterisk]
