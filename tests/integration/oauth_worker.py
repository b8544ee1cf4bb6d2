"""A process that uses one account's token again and again: ``python -m tests.integration.oauth_worker``."""

from __future__ import annotations

import sys
import time
from contextlib import closing

from cxsdk import Channel, Context, OAuth, Secret
from cxsdk.context import AccountContext
from cxsdk.domain.clock import Clock, SystemClock
from cxsdk.store import Store
from cxsdk.store.sealing import Sealer
from cxsdk.webhooks.links import LinkSigner
from tests.servers.oauth import CLIENT_ID, CLIENT_SECRET


class Sample(Channel):
    """An account at the provider on loopback."""

    provider: str

    def open(self, context: Context) -> None:
        oauth = OAuth(
            client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET), scopes=("crm",), hosts=("127.0.0.1",),
            authorize_url=f"{self.provider}/authorize", token_url=f"{self.provider}/token",
        )  # fmt: skip
        self._api = context.http("{api_domain}/api", oauth=oauth)

    def use(self) -> None:
        """One request."""
        assert self._api.get("/anything") == {"ok": True}


def context_of(plugin: Sample, store: Store, key: str, clock: Clock) -> AccountContext:
    """What its plugin gets at open."""
    return AccountContext(plugin, store, clock, LinkSigner(b"sample" * 4), "http://cx.test", Sealer([Secret(key)]))


def main(database: str, provider: str, key: str, seconds: float) -> None:
    """Uses the token for so long."""
    clock = SystemClock()
    with closing(Store(database, clock)) as store:
        plugin = Sample(provider=provider)
        with closing(context_of(plugin, store, key, clock)) as context:
            plugin.open(context)
            print("ready", flush=True)
            sys.stdin.readline()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                plugin.use()
                time.sleep(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:4], float(sys.argv[4]))  # type: ignore[misc]
