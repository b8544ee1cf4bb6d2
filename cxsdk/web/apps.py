"""The two ASGI applications of an installation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from cxsdk.app import Opened
from cxsdk.web.api import api_routes
from cxsdk.web.desk import StoreDesk
from cxsdk.web.health import health_routes
from cxsdk.web.intake import Intake
from cxsdk.web.problems import ROUTE_PROBLEMS
from cxsdk.web.surveys import survey_routes
from cxsdk.web.webhooks import PATH, Webhooks


class _PublicApp(Starlette):
    """Routes, and a short cut past them for webhooks."""

    def __init__(self, webhooks: Webhooks, **routing: Any) -> None:
        super().__init__(**routing)
        self._webhooks = webhooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        go = self._webhooks if self._webhooks.takes(scope) else super().__call__
        await go(scope, receive, send)


def public_app(opened: Opened) -> Starlette:
    """Webhooks, survey pages, the ingest API and health: what may face the internet."""
    runtime = opened.runtime
    intake = Intake(runtime.store)
    webhooks = Webhooks(runtime, intake, opened.cx.public_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        intake.start()
        yield
        intake.stop()

    routes: list[BaseRoute] = [
        Route(f"{PATH}/{{account}}", webhooks, methods=["POST"]),  # tells of other methods
        *survey_routes(StoreDesk(runtime, intake), runtime.signer, runtime.clock),
        *api_routes(runtime, intake),
        *health_routes(runtime.store),
    ]
    app = _PublicApp(webhooks, routes=routes, lifespan=lifespan, exception_handlers=dict(ROUTE_PROBLEMS))
    app.router.redirect_slashes = False  # a redirect would send signatures and tokens to wherever Host points
    return app


def private_app(opened: Opened) -> Starlette:
    """The accounts' own pages, which ask for no sign-in: served on 127.0.0.1 only."""
    mounts: list[BaseRoute] = []
    for plugin in opened.cx.accounts():
        pages = plugin.pages()
        if pages is not None:
            mounts.append(Mount(f"/accounts/{plugin.name}", app=pages, name=plugin.name))
    # Without a sign-in, only this machine may ask: not a foreign page that rebinds its name to 127.0.0.1.
    local = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    return Starlette(routes=mounts, middleware=[local])
