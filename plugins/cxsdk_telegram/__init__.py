"""Telegram: messages with customers over a bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxsdk import hookimpl
from cxsdk_telegram.channel import Telegram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxsdk import Channel

__all__ = ["Telegram"]


@hookimpl
def register_channels() -> Sequence[type[Channel]]:
    """Makes the channel known."""
    return [Telegram]
