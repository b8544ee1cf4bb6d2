"""The stand-in itself: what users do, what goes wrong, and what came of it."""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from collections.abc import Mapping
from threading import Thread
from typing import Any, Self

import requests

from cxsdk.domain.clock import Clock, SystemClock
from cxsdk.testing.botapi.account import BOT, Account, Chat, Json
from cxsdk.testing.botapi.calls import Exchange, Refusal, Silence, buttons, methods
from cxsdk.testing.botapi.server import Server

_CUSTOMER = "Sample Customer"


class BotAPI:
    """A bot's side of Telegram. Everything may be called from any thread.

    ``clock`` dates what is written. The last thousand calls stand in ``exchanges``.
    """

    def __init__(self, token: str = "123456:sample-token", *, clock: Clock | None = None) -> None:  # noqa: S107
        self.token = token
        self.exchanges: deque[Exchange] = deque(maxlen=1000)
        self._account = Account(clock or SystemClock())
        self._methods = methods(self._account)
        self._script: defaultdict[str, deque[Refusal | Silence | None]] = defaultdict(deque)
        self._http = requests.Session()
        self._server = Server(self._respond)

    @property
    def url(self) -> str:
        """What a plugin is given instead of ``https://api.telegram.org``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.02,), name="botapi", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._account.changed:
            self._account.is_closing = True
            self._account.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._http.close()

    # -- what users do

    def user_says(self, user_id: int, text: str, *, name: str = _CUSTOMER, language: str = "en") -> int:
        """A user writes to the bot, be it for the first time; returns the message's id."""
        return self.user_sends(user_id, {"text": text}, name=name, language=language)

    def user_shares_contact(self, user_id: int, phone: str, *, whose: int | None = None) -> int:
        """A user shares their own card, or another user's."""
        card = {"phone_number": phone, "first_name": "Sample", "user_id": user_id if whose is None else whose}
        return self.user_sends(user_id, {"contact": card})

    def user_sends(
        self, user_id: int, content: Mapping[str, Any], *, name: str = _CUSTOMER, language: str = "en"
    ) -> int:
        """A user sends anything: the part of a Message that holds it, ``{"sticker": {...}}``."""
        with self._account.changed:
            chat = self._account.chats.setdefault(user_id, Chat(_user(user_id, name, language)))
            message = self._account.write(chat, chat.user, content)
            self._account.tell("message", message)
            return int(message["message_id"])

    def user_edits(self, user_id: int, message_id: int, text: str) -> None:
        """A user changes what they wrote."""
        with self._account.changed:
            messages = self._account.chats[user_id].messages
            edited = messages[message_id] = {**messages[message_id], "text": text, "edit_date": self._account.now()}
            self._account.tell("edited_message", edited)

    def user_taps(self, user_id: int, data: str, message_id: int) -> str:
        """A user taps a button under a message of the bot; returns the query's id."""
        with self._account.changed:
            chat = self._account.chats[user_id]
            message = chat.messages[message_id]
            if data not in buttons(message):
                raise ValueError(f"Message {message_id} has no button {data!r}, only {buttons(message)}.")
            query: Json = {"from": chat.user, "message": dict(message), "chat_instance": str(user_id), "data": data}
            query["id"] = f"tap-{self._account.tell('callback_query', query)}"
            self._account.taps.add(query["id"])
            return str(query["id"])

    def user_blocks(self, user_id: int) -> None:
        """A user blocks the bot: it cannot write to them any more."""
        self._change_membership(user_id, is_blocked=True)

    def user_unblocks(self, user_id: int) -> None:
        """A user lets the bot write again."""
        self._change_membership(user_id, is_blocked=False)

    def _change_membership(self, user_id: int, *, is_blocked: bool) -> None:
        states: list[Json] = [
            {"status": "member", "user": BOT},
            {"status": "kicked", "user": BOT, "until_date": 0},
        ]
        old, new = states if is_blocked else reversed(states)
        with self._account.changed:
            chat = self._account.chats[user_id]
            chat.is_blocked = is_blocked
            change = {"chat": chat.head, "from": chat.user, "date": self._account.now()}
            self._account.tell("my_chat_member", {**change, "old_chat_member": old, "new_chat_member": new})

    # -- what came of it

    @property
    def sent(self) -> list[Json]:
        """The bot's messages, oldest first."""
        with self._account.changed:
            return list(self._account.sent)

    @property
    def acknowledged(self) -> list[Json]:
        """The updates that the bot confirmed by an offset, or answered with a 2xx."""
        with self._account.changed:
            return list(self._account.acknowledged)

    @property
    def unanswered_taps(self) -> set[str]:
        """The queries whose button still shows that it waits."""
        with self._account.changed:
            return set(self._account.taps)

    # -- what goes wrong

    def fails(self, method: str, code: int, description: str, *, times: int = 1, **parameters: int) -> None:
        """The next calls of a method are refused: ``fails("sendMessage", 429, "Too Many Requests", retry_after=3)``."""
        self._script[method].extend([Refusal(code, description, parameters)] * times)

    def passes(self, method: str, *, times: int = 1) -> None:
        """The next calls of a method are done as usual, before what is planned after this."""
        self._script[method].extend([None] * times)

    def loses_answer(self, method: str, *, done: bool = True, seconds: float = 0.0, times: int = 1) -> None:
        """The next calls of a method get no answer: done or not, the connection is closed after so many seconds."""
        self._script[method].extend([Silence(seconds, done)] * times)

    # -- the webhook

    def deliver(self) -> int:
        """Posts pending updates to the webhook, in order, until one is not answered with a 2xx; returns how many were.

        Nothing is posted by itself: a test or a demo decides when.
        """
        delivered = 0
        while (update := self._next_for_webhook()) and self._deliver(update):
            delivered += 1
        return delivered

    def _next_for_webhook(self) -> Json | None:
        with self._account.changed:
            return self._account.pending[0] if self._account.webhook["url"] and self._account.pending else None

    def _deliver(self, update: Json) -> bool:
        webhook = self._account.webhook
        secret = {"X-Telegram-Bot-Api-Secret-Token": webhook["secret_token"]} if webhook["secret_token"] else {}
        headers = {"Content-Type": "application/json", **secret}
        answer = self._http.post(webhook["url"], data=json.dumps(update).encode(), headers=headers, timeout=10)
        with self._account.changed:
            if answer.ok:
                self._account.acknowledge(update["update_id"])
            else:
                problem = f"Wrong response from the webhook: {answer.status_code} {answer.reason}"
                webhook.update(last_error_date=self._account.now(), last_error_message=problem)
        return answer.ok

    # -- what the bot calls

    def _respond(self, path: str, params: Json) -> tuple[int, Json] | None:
        token, method = _route(path)
        try:
            result = self._result(token, method, params)
        except Refusal as refusal:
            exchange = Exchange(method, params, refusal.code, refusal.answer)
        else:
            if isinstance(result, Silence):
                self._wait(result.seconds)
                return None
            exchange = Exchange(method, params, 200, {"ok": True, "result": result})
        self.exchanges.append(exchange)
        return exchange.status, exchange.answer

    def _result(self, token: str, method: str, params: Json) -> Any:
        if token != self.token:
            raise Refusal(401, "Unauthorized")
        if method not in self._methods:
            raise Refusal(404, "Not Found")
        planned = self._script[method].popleft() if self._script[method] else None
        if isinstance(planned, Refusal):
            raise planned
        if planned is not None and not planned.done:
            return planned
        result = self._methods[method](**params)
        return result if planned is None else planned

    def _wait(self, seconds: float) -> None:
        with self._account.changed:
            self._account.changed.wait_for(lambda: self._account.is_closing, seconds)


def _user(user_id: int, name: str, language: str) -> Json:
    first, _, last = name.partition(" ")
    user = {"id": user_id, "is_bot": False, "first_name": first, "language_code": language}
    return {**user, "last_name": last} if last else user


def _route(path: str) -> tuple[str, str]:
    match = re.fullmatch(r"/bot([^/]+)/(\w+)", path)
    return (match[1], match[2]) if match else ("", "")
