"""``/healthz``: the process lives. ``/readyz``: it can take what comes."""

from __future__ import annotations

from sqlalchemy import text
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cxsdk.errors import StoreUnavailable
from cxsdk.store import Store
from cxsdk.web.problems import problem_of


def health_routes(store: Store) -> list[Route]:
    """Both routes; they tell nothing about customers or settings."""

    async def alive(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        try:
            await run_in_threadpool(_ask, store)
        except StoreUnavailable as error:
            return problem_of(error)
        return JSONResponse({"status": "ok"})

    return [Route("/healthz", alive), Route("/readyz", ready)]


def _ask(store: Store) -> None:
    with store.read() as tx:
        tx.execute(text("SELECT 1"))
