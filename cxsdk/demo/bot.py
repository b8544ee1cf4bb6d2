"""The messenger's servers: they bring updates to the shop's webhook over several connections, as the real ones do."""

from __future__ import annotations

import json
from itertools import takewhile
from urllib.parse import urlsplit

from cxsdk.demo.wire import Sending, Wire
from cxsdk.testing.botapi import BotAPI


class BotServers(BotAPI):
    """The stand-in, with what the Bot API calls ``max_connections``: one update after another would be far too slow."""

    def deliver_over(self, wire: Wire) -> int:
        """Posts what is pending to the webhook, several at once; tells how many were taken before one was not."""
        with self._account.changed:
            updates, webhook = list(self._account.pending), dict(self._account.webhook)
        headers = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": webhook["secret_token"]}
        path = urlsplit(webhook["url"]).path
        answers = wire.send_all(Sending(path, json.dumps(update).encode(), headers) for update in updates)
        taken = sum(1 for _ in takewhile(lambda answer: answer.is_taken, answers))
        if taken:
            with self._account.changed:
                self._account.acknowledge(updates[taken - 1]["update_id"])
        return taken
