"""What a plugin gets to work with; never our database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from cxsdk.domain.clock import Clock
from cxsdk.domain.oauth import OAuth
from cxsdk.domain.secret import Secret


class Http(Protocol):
    """An HTTP session of one account, with timeouts, safe retries, limits and errors that say what to do.

    The verbs return the answer's JSON (None where it has no body) and raise the errors of ``cxsdk.errors``.
    """

    def get(self, path: str, *, params: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Reads. Repeated by itself where the first try failed before an answer."""

    def post(self, path: str, *, json: Any = None, **options: Any) -> Any:
        """Makes or does something. Repeated only where it certainly did not happen."""

    def put(self, path: str, *, json: Any = None, **options: Any) -> Any:
        """Replaces."""

    def patch(self, path: str, *, json: Any = None, **options: Any) -> Any:
        """Changes."""

    def delete(self, path: str, **options: Any) -> Any:
        """Removes."""

    @property
    def granted(self) -> Mapping[str, Any]:
        """What the provider told besides tokens when it granted access (``oauth``): domains, ids; else nothing."""

    def request(self, method: str, path: str, **options: Any) -> Any:
        """The whole ``requests.Response``, for headers and bodies that are not JSON; raises the same errors."""


#: The largest value that an account may keep, in bytes of UTF-8.
VALUE_LIMIT = 65_536


class KeyValue(Protocol):
    """A small store of the account's own, kept across restarts and shared by all processes."""

    def get(self, key: str) -> str | None:
        """What was put there, or None."""

    def put(self, key: str, value: str) -> None:
        """Keeps a value of at most 64 kB."""


class Context(Protocol):
    """Given to ``open``."""

    #: The time; ask nothing else for it.
    clock: Clock
    #: A structlog logger that already knows the account.
    log: Any

    @property
    def state(self) -> KeyValue:
        """A small store of the account's own."""

    #: The URL to paste at the provider, for a plugin with a webhook.
    webhook_url: str

    def http(
        self,
        base_url: str,
        *,
        bearer: Secret | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        basic: tuple[str, Secret] | None = None,
        oauth: OAuth | None = None,
    ) -> Http:
        """A session for this provider; secrets are put into requests and shown nowhere.

        With ``oauth``, each request bears an access token that is fresh, and ``base_url`` may hold ``{fields}`` of what
        the provider granted. An operator connects the account once: ``cxsdk connect ACCOUNT APP``.
        """

    def survey_link(self, token: str, expires_at: datetime) -> str:
        """The signed address of the hosted survey page of an invitation, good until it expires."""
