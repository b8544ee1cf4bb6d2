"""Calls from any PBX that can POST JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxsdk import hookimpl
from cxsdk_telephony.channel import Telephony

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxsdk import Channel

__all__ = ["Telephony"]


@hookimpl
def register_channels() -> Sequence[type[Channel]]:
    """Makes the channel known."""
    return [Telephony]
