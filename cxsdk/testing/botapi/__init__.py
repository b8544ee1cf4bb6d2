"""A Bot API on a socket: a plugin talks to it as it does to Telegram, a test or a demo acts as the users.

    with BotAPI() as bot:
        bot.user_says(100001, "Hello")

Answers have the shapes of https://core.telegram.org/bots/api, for private chats and the methods that a channel needs.
"""

from __future__ import annotations

from cxsdk.testing.botapi.calls import Exchange, buttons
from cxsdk.testing.botapi.standin import BotAPI

__all__ = ["BotAPI", "Exchange", "buttons"]
