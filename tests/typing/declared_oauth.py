"""How a plugin is connected by OAuth, as an author writes it with no settings of ours for the type checker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cxsdk import Channel, Context, Message, OAuth, Receipt, Secret


class SampleDesk(Channel):
    """An account whose address its provider tells only when it is connected."""

    client_id: str
    client_secret: Secret

    def open(self, context: Context) -> None:
        """Keeps the session."""
        self._api = context.http("https://{domain}/api/v4", oauth=self._oauth())

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        """Sends them in the name of whoever agreed."""
        for message in messages:
            sent = self._api.post("/texts", json={"to": message.to, "from": self._api.granted.get("user_id")})
            yield Receipt.accepted(sent["id"])

    def _oauth(self) -> OAuth:
        return OAuth(
            client_id=self.client_id,
            client_secret=self.client_secret,
            authorize_url="https://desk.example/oauth/authorize",
            token_url="https://{domain}/oauth/token",
            scopes=("texts",),
            hosts=("desk.example",),
            asked_by="json",
        )
