"""Twilio: calls, and messages by SMS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxsdk import hookimpl
from cxsdk_twilio.channel import Twilio, TwilioVoice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxsdk import Channel

__all__ = ["Twilio", "TwilioVoice"]


@hookimpl
def register_channels() -> Sequence[type[Channel]]:
    """Makes the channels known."""
    return [Twilio, TwilioVoice]
