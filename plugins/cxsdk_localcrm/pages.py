"""The CRM's own pages, for people: plain HTML that works without scripts, on a phone and by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from sqlite3 import Row
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from cxsdk import Transient
from cxsdk_localcrm import tables, wording
from cxsdk_localcrm.database import Database, number
from cxsdk_localcrm.forms import read_form

#: How many people, tasks or entries one page shows.
ROWS = 50
#: Characters; longer comments are cut.
COMMENT_LIMIT = 5000

_HEADERS = {
    # no scripts at all, nothing from elsewhere, and no other page may frame the buttons
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def application(database: Database, now: Callable[[], datetime], *, title: str) -> Starlette:
    """An ASGI application, to be mounted anywhere."""
    pages = _Pages(database, now, title)
    return Starlette(
        routes=[
            Route("/", pages.tasks, name="tasks"),
            Route("/tasks/{id}/done", pages.complete, methods=["POST"], name="complete"),
            Route("/tasks/{id}/delete", pages.delete, methods=["POST"], name="delete"),
            Route("/people", pages.people, name="people"),
            Route("/people/{id}", pages.person, name="person"),
            Route("/agents", pages.agents, name="agents"),
            Route("/agents/{id}", pages.set_active, methods=["POST"], name="set_active"),
            Mount("/static", StaticFiles(directory=Path(__file__).with_name("static")), name="static"),
        ],
        exception_handlers={HTTPException: pages.refused, Transient: pages.busy},
    )


class Paging(NamedTuple):
    """Which rows of a list are shown."""

    number: int
    total: int = 0

    @classmethod
    def of(cls, request: Request) -> Paging:
        """As the address asks for it; the first page where it asks for none that can be."""
        return cls(min(number(request.query_params.get("page")) or 1, 10**9))

    @property
    def offset(self) -> int:
        """How many rows come before this page."""
        return (self.number - 1) * ROWS

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // ROWS))

    def over(self, rows: list[Row]) -> Paging:
        """With the total that each row brings along."""
        return self._replace(total=rows[0]["total"] if rows else 0)


class _Pages:
    def __init__(self, database: Database, now: Callable[[], datetime], title: str) -> None:
        self._db = database
        self._now = now
        self._templates = Environment(
            loader=PackageLoader("cxsdk_localcrm"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._templates.globals["title"] = title
        self._templates.filters.update(wording.FILTERS)

    def tasks(self, request: Request) -> Response:
        page = Paging.of(request)
        with self._db.read() as db:
            found = tables.tasks.still_open(db, limit=ROWS, offset=page.offset)
            late = tables.tasks.late(db, self._now())
        return self._show(request, "tasks.html", tasks=found, late=late, page=page.over(found))

    def people(self, request: Request) -> Response:
        page, asked = Paging.of(request), request.query_params.get("q", "")[:200]
        with self._db.read() as db:
            found = tables.people.search(db, asked, limit=ROWS, offset=page.offset)
        return self._show(request, "people.html", people=found, q=asked, page=page.over(found))

    def person(self, request: Request) -> Response:
        page = Paging.of(request)
        with self._db.read() as db:
            person = tables.people.load(db, request.path_params["id"])
            if person is None:
                raise HTTPException(404, "There is no such person here.")
            identities = tables.people.identities(db, person["id"])
            tasks = tables.tasks.of_person(db, person["id"])
            entries = tables.entries.timeline(db, person["id"], limit=ROWS, offset=page.offset)
        return self._show(
            request,
            "person.html",
            person=person,
            identities=identities,
            tasks=tasks,
            entries=entries,
            page=page.over(entries),
        )

    def agents(self, request: Request) -> Response:
        with self._db.read() as db:
            found = tables.agents.workload(db)
        return self._show(request, "agents.html", agents=found)

    async def complete(self, request: Request) -> Response:
        form = await read_form(request)
        comment = form.get("comment", "")[:COMMENT_LIMIT]
        return await run_in_threadpool(self._change, request, form, "done", tables.tasks.complete, comment)

    async def delete(self, request: Request) -> Response:
        form = await read_form(request)
        return await run_in_threadpool(self._change, request, form, "deleted", tables.tasks.delete)

    def _change(
        self, request: Request, form: dict[str, str], word: str, change: Callable[..., bool], *more: str
    ) -> Response:
        id = number(request.path_params["id"])
        with self._db.write() as db:
            changed = change(db, id, *more, self._now())
        back = _link(request, "person", id=form["person"]) if number(form.get("person")) else _link(request, "tasks")
        return RedirectResponse(f"{back}?{word if changed else 'gone'}={id or 0}", 303)

    async def set_active(self, request: Request) -> Response:
        form = await read_form(request)
        return await run_in_threadpool(self._set_active, request, active=form.get("active") == "1")

    def _set_active(self, request: Request, *, active: bool) -> Response:
        with self._db.write() as db:
            if not tables.agents.set_active(db, number(request.path_params["id"]), active):
                raise HTTPException(404, "There is no such agent here.")
        return RedirectResponse(_link(request, "agents"), 303)

    def refused(self, request: Request, error: Any) -> Response:
        return self._show(request, "refused.html", error.status_code, detail=error.detail, headers=error.headers)

    def busy(self, request: Request, _: Any) -> Response:
        detail = "The database is busy. Nothing was changed; try again in a moment."
        return self._show(request, "refused.html", 503, detail=detail, headers={"Retry-After": "5"})

    def _show(
        self,
        request: Request,
        template: str,
        status: int = 200,
        *,
        headers: Mapping[str, str] | None = None,
        **known: Any,
    ) -> Response:
        html = self._templates.get_template(template).render(
            link=lambda name, **parts: _link(request, name, **parts),
            query=request.query_params,
            now=self._now(),
            **known,
        )
        return HTMLResponse(html, status, headers={**_HEADERS, **(headers or {})})


def _link(request: Request, name: str, **parts: Any) -> str:
    """A path below wherever this application is mounted."""
    path = request.app.url_path_for(name, **{key: str(part) for key, part in parts.items()})
    return f"{request.scope.get('root_path', '')}{path}"
