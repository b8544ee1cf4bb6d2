"""Errors as problem details (RFC 9457), the same for every route."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cxsdk.errors import BadInput, CxsdkError, SignatureError, StoreUnavailable
from cxsdk.observe import count

_STATUS: tuple[tuple[type[CxsdkError], int, str], ...] = (
    (SignatureError, 401, "The request is not proven to be yours"),
    (BadInput, 422, "The request is malformed"),
    (StoreUnavailable, 503, "The database does not answer"),
)


def problem(status: int, title: str, *, code: str, detail: str = "", **more: Any) -> Response:
    """An ``application/problem+json`` answer; ``code`` is stable, ``detail`` says what to do."""
    body = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail, **more}
    headers = {"cache-control": "no-store"}
    if "retry_after" in more:
        headers["retry-after"] = str(max(1, math.ceil(more["retry_after"])))
    content = json.dumps(body, ensure_ascii=False).encode()
    return Response(content, status, headers, media_type="application/problem+json")


def problem_of(error: CxsdkError) -> Response:
    """The answer to a request that raised this error."""
    status, title = next(((s, t) for kind, s, t in _STATUS if isinstance(error, kind)), (500, "A mistake of ours"))
    more: dict[str, Any] = {}
    if isinstance(error, BadInput) and error.field:
        more["field"] = error.field
    if isinstance(error, StoreUnavailable):
        more["retry_after"] = error.retry_after
    return problem(status, title, code=error.code, detail=str(error), **more)


# -- what no route answers


async def _tell_of_path(_: Request, __: HTTPException) -> Response:
    return problem(404, "There is no such address", code="path_unknown", detail="Check it; see /docs.")


async def _tell_of_method(request: Request, error: HTTPException) -> Response:
    allowed = ", ".join(sorted((error.headers or {}).get("Allow", "").split(", ")))
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"allow": allowed})
    answer = problem(405, "The address takes another method", code="method_unsupported", detail=f"Use {allowed}.")
    answer.headers["allow"] = allowed
    return answer


async def _tell_of_bug(_: Request, error: Exception) -> Response:
    count("web_failed", kind=type(error).__name__)
    return problem(500, "A mistake of ours", code="internal_error", detail="It is in our log. Send it again later.")


#: How an application answers a request with one of these errors.
Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]
#: What routers refuse by themselves, by its status, and what nobody thought of.
ROUTE_PROBLEMS: Mapping[int | type[Exception], Handler] = {
    404: _tell_of_path,
    405: _tell_of_method,
    Exception: _tell_of_bug,
}
