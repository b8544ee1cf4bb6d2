"""Errors as problem details (RFC 9457), the same for every route."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from cxsdk.errors import BadInput, CxsdkError, SignatureError, StoreUnavailable

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
        headers["retry-after"] = str(round(more["retry_after"]))
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
