"""One bot's account: its chats, and the updates that it has not confirmed."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

from cxsdk.domain.clock import Clock

Json = dict[str, Any]

BOT: Json = {"id": 123456, "is_bot": True, "first_name": "Sample Bot", "username": "sample_bot"}


@dataclass
class Chat:
    """A user's private chat with the bot."""

    user: Json
    messages: dict[int, Json] = field(default_factory=dict)
    is_blocked: bool = False

    @property
    def head(self) -> Json:
        """The Chat object."""
        return {"id": self.user["id"], "type": "private", "first_name": self.user["first_name"]}


class Account:
    """What Telegram keeps of a bot. Hold ``changed`` around whatever reads or changes it."""

    def __init__(self, clock: Clock) -> None:
        self.changed = Condition()
        self.chats: dict[int, Chat] = {}
        self.sent: list[Json] = []
        self.pending: deque[Json] = deque()
        self.acknowledged: list[Json] = []
        self.taps: set[str] = set()
        self.webhook: Json = {"url": ""}
        self.allowed: list[str] = []  #: empty: all
        self.polls = 0
        self.is_closing = False
        self._clock = clock
        self._messages = 0
        self._updates = 500_000

    def now(self) -> int:
        """The time, as Telegram writes it."""
        return int(self._clock.now().timestamp())

    def write(self, chat: Chat, sender: Mapping[str, Any], content: Mapping[str, Any]) -> Json:
        """A new message in a chat."""
        self._messages += 1
        head = {"message_id": self._messages, "from": sender, "chat": chat.head, "date": self.now()}
        message = chat.messages[self._messages] = {**head, **content}
        return message

    def tell(self, kind: str, content: Json) -> int:
        """An update for the bot, if it wants to hear of this kind; returns its number."""
        self._updates += 1
        if kind in self.allowed or not self.allowed:
            self.pending.append({"update_id": self._updates, kind: content})
            self.changed.notify_all()
        return self._updates

    def acknowledge(self, last: int) -> None:
        """The bot has all updates up to this number."""
        while self.pending and self.pending[0]["update_id"] <= last:
            self.acknowledged.append(self.pending.popleft())
