"""The guard of the ingest API: lets a request in that brings a valid bearer token (RFC 6750)."""

from __future__ import annotations

from datetime import datetime, timedelta

from anyio import Lock
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cxsdk.errors import StoreUnavailable
from cxsdk.observe import count
from cxsdk.store import Store, tokens
from cxsdk.web.problems import problem, problem_of

#: How long the list of valid tokens is believed: a revoked one works no longer than this.
FRESH = timedelta(seconds=5)
#: The list is read again for an unknown token, which may be a new one, but no more often than this.
FRESH_FOR_UNKNOWN = timedelta(seconds=1)


class BearerGuard:
    """Wraps an application; who brings no valid token gets 401 and learns nothing of what is behind."""

    def __init__(self, app: ASGIApp, store: Store) -> None:
        self._app = app
        self._store = store
        self._valid: frozenset[str] = frozenset()
        self._read_at: datetime | None = None
        self._reading = Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request that is not let in itself."""
        refusal = await self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Response | None:
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return _unauthorised("token_missing", "Send the header Authorization: Bearer … with a token.")
        try:
            known = await self._knows(tokens.digest(token.strip().encode("latin-1")))
        except StoreUnavailable as error:
            return problem_of(error)
        if known:
            return None
        return _unauthorised("token_invalid", "Make a token with: cxsdk token create NAME APP", "invalid_token")

    async def _knows(self, digest: str) -> bool:
        await self._renew(FRESH)
        if digest not in self._valid:
            await self._renew(FRESH_FOR_UNKNOWN)
        return digest in self._valid

    async def _renew(self, age: timedelta) -> None:
        if self._is_older_than(age):
            async with self._reading:
                if self._is_older_than(age):  # while we waited, another request may have read it
                    await self._read()

    def _is_older_than(self, age: timedelta) -> bool:
        # a clock that was set back makes the list old, not fresh for long
        return self._read_at is None or not timedelta(0) <= self._store.clock.now() - self._read_at < age

    async def _read(self) -> None:
        now = self._store.clock.now()
        self._valid = await run_in_threadpool(_valid_digests, self._store)
        self._read_at = now


def _valid_digests(store: Store) -> frozenset[str]:
    with store.read() as tx:
        return tokens.valid_digests(tx)


def _unauthorised(code: str, cure: str, error: str = "") -> Response:
    count("api_refused", code=code)
    answer = problem(401, "A bearer token is needed", code=code, detail=cure)
    answer.headers["www-authenticate"] = 'Bearer realm="cxsdk"' + (f', error="{error}"' if error else "")
    return answer
