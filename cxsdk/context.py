"""What an account's plugin gets at ``open``: a session, the time, a logger, a small store, and links."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from cxsdk.capabilities import Plugin
from cxsdk.capabilities.context import VALUE_LIMIT
from cxsdk.domain.clock import Clock
from cxsdk.domain.oauth import OAuth
from cxsdk.domain.secret import Secret
from cxsdk.errors import StoreUnavailable
from cxsdk.http import OAuthSession, Session, wire
from cxsdk.http.session import Carry, Told
from cxsdk.http.token_endpoint import TokenEndpoint
from cxsdk.http.tokens import Tokens
from cxsdk.http.vault import Vault
from cxsdk.observe import logger
from cxsdk.store import LostRace, Store
from cxsdk.store.oauth_tokens import TokenVault
from cxsdk.store.rows import insert_for
from cxsdk.store.sealing import Sealer
from cxsdk.store.tables import plugin_state
from cxsdk.webhooks.links import LinkSigner


class AccountState:
    """The small store of one account: rows of the database, shared by all processes."""

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._account = account

    def get(self, key: str) -> str | None:
        """What was put there, or None."""
        found = select(plugin_state.c.value).where(plugin_state.c.account == self._account, plugin_state.c.key == key)
        with self._store.read() as tx:
            value: str | None = tx.scalar(found)
        return value

    def put(self, key: str, value: str) -> None:
        """Keeps a value of at most 64 kB."""
        if len(value.encode()) > VALUE_LIMIT:
            raise ValueError(f"A value of the account's state holds at most {VALUE_LIMIT} bytes.")
        insert = insert_for(self._store)(plugin_state).values(account=self._account, key=key, value=value)
        key_of = [plugin_state.c.account, plugin_state.c.key]
        try:
            with self._store.write() as tx:
                tx.execute(insert.on_conflict_do_update(index_elements=key_of, set_={"value": value}))
        except LostRace as error:
            raise StoreUnavailable("Another process wrote the account's state at the same moment.") from error


class AccountContext:
    """Implements ``Context`` for one account of an opened installation."""

    def __init__(
        self,
        plugin: Plugin,
        store: Store,
        clock: Clock,
        signer: LinkSigner,
        public_url: str,
        sealer: Sealer,
        told: Told | None = None,
    ) -> None:
        self._plugin = plugin
        self._sealer = sealer
        self._tokens: Tokens | None = None
        self._signer = signer
        self._told = told
        self._public_url = public_url.rstrip("/")
        self._sessions: list[Session | OAuthSession] = []
        #: Where what the provider grants is kept.
        self.vault: Vault = TokenVault(store, sealer, plugin.name)
        #: What carries its requests.
        self.carry: Carry = wire.exchange
        #: How this account is connected, once its plugin has said so.
        self.oauth: OAuth | None = None
        self.clock = clock
        self.log: Any = logger("cxsdk.plugin", account=plugin.name)
        self.state = AccountState(store, plugin.name)
        self.webhook_url = f"{self._public_url}/webhooks/{plugin.name}"

    def http(
        self,
        base_url: str,
        *,
        bearer: Secret | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        basic: tuple[str, Secret] | None = None,
        oauth: OAuth | None = None,
    ) -> Session | OAuthSession:
        """A session for the provider of this account."""
        session = (
            self._connected(oauth, base_url, headers)
            if oauth
            else Session.of(self._plugin, base_url, bearer=bearer, headers=headers, basic=basic, **self._carried())
        )
        self._sessions.append(session)
        return session

    def token_endpoint(self, oauth: OAuth) -> TokenEndpoint:
        """Where tokens of this account come from."""
        return TokenEndpoint(self._plugin, oauth, **self._carried())

    def _connected(self, oauth: OAuth, base_url: str, headers: Mapping[str, str | Secret] | None) -> OAuthSession:
        if isinstance(self.vault, TokenVault):
            self._sealer.check(f"{self._plugin.name} is connected by OAuth")
        self.oauth = oauth
        if self._tokens is None:  # sessions for several addresses share them
            endpoint = self.token_endpoint(oauth)
            self._tokens = Tokens(self._plugin.name, endpoint, self.vault, self.clock, self._plugin.deadline_s)
        return OAuthSession(self._plugin, oauth, base_url, self._tokens, headers=headers, **self._carried())

    def _carried(self) -> dict[str, Any]:
        """How the account's requests are timed, carried and told of."""
        return {"clock": self.clock, "told": self._told, "carry": self.carry}

    def survey_link(self, token: str, expires_at: datetime) -> str:
        """The signed address of the hosted survey page of an invitation."""
        return f"{self._public_url}/s/{self._signer.sign(token, expires_at)}"

    def close(self) -> None:
        """Closes the sessions."""
        for session in self._sessions:
            session.close()
