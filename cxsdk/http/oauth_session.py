"""The HTTP session of an account that was granted access: each request bears a token that is fresh."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import requests

from cxsdk.domain.oauth import OAuth
from cxsdk.domain.secret import Secret
from cxsdk.errors import AuthenticationError, ConfigurationError
from cxsdk.http.call import Origin
from cxsdk.http.deadline import deadline
from cxsdk.http.session import Session
from cxsdk.http.tokens import Tokens
from cxsdk.http.vault import Kept

if TYPE_CHECKING:
    from cxsdk.capabilities.plugin import Plugin

T = TypeVar("T")


class OAuthSession:
    """Implements the ``Http`` protocol. ``base_url`` may hold ``{fields}`` of what the provider granted.

    ``options`` are those of the ``Session`` that sends the requests.

    A request that is refused as unauthorised (401) did not happen: it is sent once more with a newer token, if there
    can be one.
    """

    def __init__(
        self,
        plugin: Plugin,
        oauth: OAuth,
        base_url: str,
        tokens: Tokens,
        *,
        headers: Mapping[str, str | Secret] | None = None,
        **options: Any,
    ) -> None:
        if "{" in base_url and not oauth.hosts:
            raise ConfigurationError(
                "The address has fields that the provider fills in, and nothing says where they may lead.",
                path="OAuth.hosts",
                cure='Give hosts=("example.com",).',
                code="oauth_hosts_missing",
            )
        self._plugin = plugin
        self._oauth = oauth
        self._base_url = base_url
        self._tokens = tokens
        self._headers = dict(headers or {})
        self._options = options
        self._lock = Lock()
        self._session: tuple[int, Session] | None = None

    def __repr__(self) -> str:
        return f"OAuthSession({self._base_url!r}, account={self._plugin.name!r})"

    @property
    def granted(self) -> Mapping[str, Any]:
        """What the provider told besides tokens when it granted access, and since: domains, ids, scopes."""
        return self._tokens.told().grant.fields

    def get(self, path: str, *, params: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Reads, and returns the answer's JSON."""
        return self._ask(lambda http, more: http.get(path, **more), path, {"params": params, **options})

    def post(self, path: str, *, json: Any = None, **options: Any) -> Any:
        """Makes or does something. ``reads=True`` says that it only reads, as many searches do."""
        return self._ask(lambda http, more: http.post(path, **more), path, {"json": json, **options})

    def put(self, path: str, *, json: Any = None, **options: Any) -> Any:
        """Replaces."""
        return self._ask(lambda http, more: http.put(path, **more), path, {"json": json, **options})

    def patch(self, path: str, *, json: Any = None, **options: Any) -> Any:
        """Changes."""
        return self._ask(lambda http, more: http.patch(path, **more), path, {"json": json, **options})

    def delete(self, path: str, **options: Any) -> Any:
        """Removes."""
        return self._ask(lambda http, more: http.delete(path, **more), path, options)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """The whole answer, for headers and bodies that are not JSON."""
        return self._ask(lambda http, more: http.request(method, path, **more), path, options)

    def close(self) -> None:
        """Closes the connections of all threads."""
        if self._session is not None:
            self._session[1].close()

    def _ask(self, ask: Callable[[Session, dict[str, Any]], T], path: str, options: dict[str, Any]) -> T:
        seconds = options.get("deadline_s")
        with deadline(self._plugin.deadline_s if seconds is None else seconds):
            kept = self._tokens.current()
            try:
                return ask(self._session_of(kept), self._with_token(kept, path, options))
            except AuthenticationError as error:
                newer = self._tokens.instead_of(kept) if error.status == 401 else None
                if newer is None:
                    raise
            return ask(self._session_of(newer), self._with_token(newer, path, options))

    def _session_of(self, kept: Kept) -> Session:
        """One session for each token: what it was given, it keeps."""
        with self._lock:
            if self._session is None or self._session[0] != kept.generation:
                self._session = kept.generation, self._new(kept)
            return self._session[1]

    def _new(self, kept: Kept) -> Session:
        token = kept.grant.access_token.reveal()
        bearing = {} if self._oauth.parameter else {"Authorization": Secret(f"{self._oauth.scheme} {token}")}
        headers = {**self._headers, **bearing}
        return Session.of(self._plugin, self._url(kept), headers=headers, **self._options)

    def _url(self, kept: Kept) -> str:
        return self._oauth.filled(self._base_url, kept.grant.fields)

    def _with_token(self, kept: Kept, path: str, options: dict[str, Any]) -> dict[str, Any]:
        """The options, with the token among the parameters where the provider takes it there; for its host alone."""
        name = self._oauth.parameter
        is_whole = path.startswith(("http://", "https://"))
        if not name or (is_whole and not Origin(self._url(kept)).holds(path)):
            return options
        token = kept.grant.access_token.reveal()
        where = "json" if isinstance(options.get("json"), dict) else "params"
        return {**options, where: {**(options.get(where) or {}), name: token}}
