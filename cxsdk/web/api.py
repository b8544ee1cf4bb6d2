"""The ingest API: shops in any language tell of contacts and events, send messages, and ask about customers.

What is posted is checked, stored as records of the account ``api``, and answered after the commit; it is understood
by the same models once more in a worker, like any webhook.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount

from cxsdk.errors import BadInput, CxsdkError
from cxsdk.journeys.runtime import Runtime
from cxsdk.observe import count
from cxsdk.store.inbox import Stored
from cxsdk.web.api_customers import CustomerUnknown, customer_decisions, customer_timeline
from cxsdk.web.api_docs import POSTS, PREFIX, describe_get, describe_post, docs_routes
from cxsdk.web.api_models import Decisions, Timeline
from cxsdk.web.api_requests import Brought, Reader, read_request_key
from cxsdk.web.bearer import BearerGuard
from cxsdk.web.bodies import read_body
from cxsdk.web.intake import Intake
from cxsdk.web.problems import ROUTE_PROBLEMS, Handler, problem, problem_of

#: The largest body taken, in bytes.
BODY_LIMIT = 1_048_576

_Who = Annotated[
    str, Path(description="The customer's id here, or `phone:+12125550123`, `ann@example.com`, `kind:value`.")
]
_Limit = Annotated[int, Query(ge=1, le=200, description="How many entries.")]
_Before = Annotated[
    str | None, Query(description="Entries before this moment (`2026-03-02T12:00:00Z`), or the `next` of an answer.")
]


def api_routes(runtime: Runtime, intake: Intake) -> list[BaseRoute]:
    """``/api``, behind bearer tokens, and its documentation, open to everybody."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, exception_handlers=_HANDLERS)
    senders = [name for name, channel in runtime.channels.items() if channel.supports("send")]
    door = _Door(runtime, intake)
    for post in POSTS:
        reader = Reader(runtime.api.name, post.model, senders)
        app.add_api_route(post.path, _taking(door, reader), methods=["POST"], **describe_post(post))
    _add_questions(app, runtime)
    mount = Mount(PREFIX, app=BearerGuard(app, runtime.store))
    mount.path_regex = re.compile(rf"^{PREFIX}/(?P<path>[\s\S]*)$")  # Starlette's own ends at a line break
    return [mount, *docs_routes(app)]


def _taking(door: _Door, reader: Reader) -> Callable[[Request], Awaitable[Response]]:
    async def take(request: Request) -> Response:
        return await door.take(request, reader)

    return take


def _add_questions(app: FastAPI, runtime: Runtime) -> None:
    @app.get("/v1/customers/{id}/timeline", **describe_get("timeline"))
    def tell_timeline(id: _Who, limit: _Limit = 50, before: _Before = None) -> Timeline:
        return customer_timeline(runtime.store, id, limit, before)

    @app.get("/v1/customers/{id}/decisions", **describe_get("decisions"))
    def tell_decisions(id: _Who) -> Decisions:
        return customer_decisions(runtime.store, id)


class _Door:
    """Takes what is posted: reads it, stores it, answers."""

    def __init__(self, runtime: Runtime, intake: Intake) -> None:
        self._runtime = runtime
        self._intake = intake

    async def take(self, request: Request, reader: Reader) -> Response:
        """202 after the commit, or a problem and nothing stored."""
        if not _is_json(request.headers.get("content-type", "")):
            return problem(
                415,
                "The body must be JSON",
                code="content_type_unsupported",
                detail="Send Content-Type: application/json.",
            )
        try:
            body = await read_body(request.receive, BODY_LIMIT)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return problem(
                413, "The body is too large", code="body_too_large", detail=f"Send at most {BODY_LIMIT} bytes at once."
            )
        brought = await self._read(request, reader, body)
        _refuse_conflict(brought, await self._intake.put(brought.arrivals))
        count("api_items", len(brought.ids), type=reader.model.type)
        return JSONResponse({"accepted": len(brought.ids), "ids": brought.ids}, 202)

    async def _read(self, request: Request, reader: Reader, body: bytes) -> Brought:
        key, now = read_request_key(request.headers.get("idempotency-key")), self._runtime.clock.now()
        if body.lstrip()[:1] == b"[":  # hundreds of items would hold up everybody else's requests
            return await run_in_threadpool(reader.read, body, key, now)
        return reader.read(body, key, now)


def _refuse_conflict(brought: Brought, outcomes: list[Stored]) -> None:
    """Raises BadInput where a key stands for something else already; then nothing of the request was stored."""
    if Stored.CONFLICT in outcomes:
        field = brought.fields[outcomes.index(Stored.CONFLICT)]
        raise BadInput(
            "was used before, for something else. Nothing of the request was stored; choose another one.",
            field=field,
            code="idempotency_conflict",
        )


def _is_json(content_type: str) -> bool:
    media, _, parameters = content_type.lower().partition(";")
    charset = parameters.strip().removeprefix("charset=").strip('" ')
    return media.strip() == "application/json" and charset in ("", "utf-8", "utf8")


# -- what goes wrong


async def _tell(_: Request, error: CxsdkError) -> Response:
    count("api_refused", code=error.code)
    if isinstance(error, CustomerUnknown):
        return problem(404, "There is no such customer", code=error.code, detail=str(error), field=error.field)
    return problem_of(error)


async def _tell_of_parameter(_: Request, error: RequestValidationError) -> Response:
    first: dict[str, Any] = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return problem_of(BadInput(f"{first['msg']}.", field=field, code="field_invalid"))


_HANDLERS: dict[int | type[Exception], Handler] = {
    **ROUTE_PROBLEMS,
    CxsdkError: _tell,
    RequestValidationError: _tell_of_parameter,
}
