"""``/webhooks/{account}``: verified on raw bytes, stored raw, answered after the commit; understood later.

An ASGI application of its own and no route: it is the one that must be fast, and finding a route costs as much.
"""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cxsdk.capabilities import Inbound
from cxsdk.domain.raw import Raw, body_id
from cxsdk.domain.raw import Request as RawRequest
from cxsdk.errors import CxsdkError, PluginBug, SignatureError
from cxsdk.journeys.runtime import Runtime
from cxsdk.observe import count, logger
from cxsdk.observe.guarding import guarded
from cxsdk.store.inbox import Arrival, Stored
from cxsdk.web.bodies import read_body
from cxsdk.web.intake import Intake
from cxsdk.web.problems import problem, problem_of

#: Where the accounts' webhooks are, each under the account's name.
PATH = "/webhooks"
#: The largest body taken, in bytes.
BODY_LIMIT = 1_048_576
#: The longest event id kept as it is, in characters.
KEY_LIMIT = 200

#: The answers to what is safely stored, by the status that the plugin's provider wants.
_TAKEN = {status: Response(status_code=status) for status in range(200, 300)}


class Webhooks:
    """Takes the webhooks of every account that verifies them."""

    def __init__(self, runtime: Runtime, intake: Intake, public_url: str) -> None:
        self._runtime = runtime
        self._intake = intake
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one webhook, as ASGI wants it."""
        answer = await self._answer(scope, receive)
        await answer(scope, receive, send)

    @staticmethod
    def takes(scope: Scope) -> bool:
        """Whether this is a webhook."""
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        return is_post and str(scope["path"]).rpartition("/")[0] == PATH

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        account = scope["path"].rpartition("/")[2]
        plugin = self._runtime.inbound(account)
        if plugin is None or not _has_webhook(plugin):
            return problem(404, "There is no such account", code="account_unknown", detail="Check the URL.")
        try:
            body = await read_body(receive, BODY_LIMIT)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return problem(413, "The body is too large", code="body_too_large", detail=f"At most {BODY_LIMIT} bytes.")
        request = _raw_request(scope, body, self._public_url)
        return await _store(self._runtime, self._intake, account, plugin, request)


async def _store(runtime: Runtime, intake: Intake, account: str, plugin: Inbound, request: RawRequest) -> Response:
    try:
        raw = _verified(runtime, account, plugin, request)
        [outcome] = await intake.put([Arrival(account, raw)])
    except PluginBug as error:
        return _unproven(account, error)
    except CxsdkError as error:
        count("webhooks_refused", account=account, code=error.code)
        return problem_of(error)
    except Exception as error:  # what a plugin's verify raises: not proven, so not taken
        return _unproven(account, error)
    count("webhooks", account=account, outcome=outcome.value)
    if outcome is Stored.CONFLICT:
        logger("cxsdk.web").warning("event_conflict", account=account, key=raw.id)
        return problem(409, "Another event has this id", code="event_conflict", detail="The first one is kept.")
    return _TAKEN[runtime.accounts[account].webhook_status]


def _unproven(account: str, error: Exception) -> Response:
    logger("cxsdk.web").error("verify_failed", account=account, kind=type(error).__name__)
    return problem_of(SignatureError("The request could not be verified."))


def _verified(runtime: Runtime, account: str, plugin: Inbound, request: RawRequest) -> Raw:
    now = runtime.clock.now()
    with guarded():
        plugin.verify(request, now)
    key = _key(account, plugin, request)
    return Raw(id=key, body=request.body, headers=request.kept_headers(), received_at=now)


def _key(account: str, plugin: Inbound, request: RawRequest) -> str:
    """The event's id, or the body's hash where the plugin finds none: what is proven is taken, whatever it says."""
    try:
        with guarded():
            key = plugin.event_key(request).replace("\0", "").encode()
    except Exception as error:
        logger("cxsdk.web").warning("event_key_failed", account=account, kind=type(error).__name__)
        key = b""
    fits = 0 < len(key.decode()) <= KEY_LIMIT
    return key.decode() if fits else body_id(key or request.body)


def _has_webhook(plugin: Inbound) -> bool:
    return type(plugin).verify is not Inbound.verify


def _raw_request(scope: Scope, body: bytes, public_url: str) -> RawRequest:
    """The request under the public address, as the provider wrote and signed it, whatever proxy stands between."""
    query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
    path = scope.get("raw_path", scope["path"].encode()).decode("ascii", "replace").partition("?")[0]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return RawRequest(method=scope["method"], url=f"{public_url}{path}{query}", headers=headers, body=body)
