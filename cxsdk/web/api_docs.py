"""The ingest API's documentation: the OpenAPI document, and a page made of it that loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from cxsdk.web.api_models import Accepted, Problem
from cxsdk.webhooks.items import EventItem, InteractionItem, Item, MessageItem, OptOutItem

#: Where the API is mounted.
PREFIX = "/api"

_TEMPLATES = Path(__file__).parent / "templates" / "api"
_REF = "#/components/schemas/"
_ABOUT = (
    "Tells cxsdk of contacts and business events, sends messages as an employee, and answers questions about a "
    "customer. Every request carries a bearer token (`cxsdk token create NAME APP`). Errors are problem details "
    "(RFC 9457) whose `code` stays the same."
)


@dataclass(frozen=True)
class Post:
    """A route that takes items."""

    path: str
    model: type[Item]
    summary: str


#: Every route that takes items.
POSTS = (
    Post("/v1/interactions", InteractionItem, "Log contacts with customers"),
    Post("/v1/events", EventItem, "Tell of purchases and other business events"),
    Post("/v1/messages", MessageItem, "Write to customers as an employee"),
    Post("/v1/opt-outs", OptOutItem, "Stop surveys and automatic messages"),
)

_QUESTIONS = {
    "timeline": ("What passed between a customer and the company", "A page of entries, newest first."),
    "decisions": ("Why a customer was asked, or was not", "Every verdict about them, oldest first."),
}
_CUSTOMER = (
    "`id` is the customer's id here, or one of their identities: `phone:+12125550123`, `ann@example.com`, "
    "`telegram:123`."
)
_WRONG = {
    401: "No bearer token, or one that is unknown or revoked.",
    404: "There is no such customer.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    422: "Something is malformed; `field` says what. Nothing was stored.",
    503: "The database does not answer. Send it again after `Retry-After` seconds.",
}


def describe_post(post: Post) -> dict[str, Any]:
    """What the OpenAPI document says of a route that takes items."""
    one = {"$ref": _REF + post.model.__name__}
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": 500}
    return {
        "status_code": 202,
        "summary": post.summary,
        "description": f"{_paragraph(post.model)} One object, or an array of up to 500: all are stored, or none.",
        "operation_id": f"add_{post.model.type}s",
        "response_description": "Stored.",
        "responses": {202: {"model": Accepted}, **_problems(401, 413, 415, 422, 503)},
        "openapi_extra": {
            "parameters": [_IDEMPOTENCY_KEY],
            "requestBody": {"required": True, "content": {"application/json": {"schema": {"anyOf": [one, many]}}}},
        },
    }


def describe_get(name: str) -> dict[str, Any]:
    """What the OpenAPI document says of a question about a customer."""
    summary, description = _QUESTIONS[name]
    return {
        "summary": summary,
        "description": f"{description} {_CUSTOMER}",
        "operation_id": f"get_{name}",
        "response_description": "Found.",
        "responses": _problems(401, 404, 422, 503),
    }


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[A-Za-z0-9_.:-]+$"},
    "description": "Your name for the request: the same one again changes nothing, another one under it is refused.",
}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {"application/problem+json": {"schema": {"$ref": _REF + "Problem"}}}
    return {status: {"description": _WRONG[status], "content": content} for status in statuses}


def _paragraph(model: type[Item]) -> str:
    return " ".join((model.__doc__ or "").split())


def docs_routes(app: FastAPI) -> list[Route]:
    """``/openapi.json`` and ``/docs``."""

    @cache
    def document() -> dict[str, Any]:
        return openapi(app)

    @cache
    def html() -> str:
        return docs_page(document())

    async def tell_document(_: Request) -> Response:
        return JSONResponse(document())

    async def show_page(_: Request) -> Response:
        policy = f"default-src 'none'; style-src 'sha256-{_style_hash()}'; base-uri 'none'; frame-ancestors 'none'"
        return HTMLResponse(html(), headers={"content-security-policy": policy, "x-content-type-options": "nosniff"})

    return [Route("/openapi.json", tell_document), Route("/docs", show_page)]


def openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document under the paths at which the application is mounted."""
    app.title, app.version, app.description = "cxsdk ingest API", "1", _ABOUT
    document = app.openapi()
    schemas = {**document["components"]["schemas"], **_schemas(Problem, *(post.model for post in POSTS))}
    bearer = {"type": "http", "scheme": "bearer", "description": "Made by `cxsdk token create NAME APP`."}
    return {
        **document,
        "paths": {PREFIX + path: operations for path, operations in document["paths"].items()},
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": {"bearer": bearer}},
        "security": [{"bearer": []}],
    }


def _schemas(*models: type[BaseModel]) -> dict[str, Any]:
    wanted: list[tuple[type[BaseModel], Literal["validation"]]] = [(model, "validation") for model in models]
    _, schema = models_json_schema(wanted, ref_template=_REF + "{model}")
    return dict(schema["$defs"])


# -- the page


def docs_page(document: Mapping[str, Any]) -> str:
    """The document as a page for people."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"prose": _prose, "kind": _kind}
    operations = [
        {"method": method.upper(), "path": path, **told}
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]
    return environment.get_template("docs.html").render(document=document, operations=operations, css=_css())


def _prose(text: str) -> Markup:
    """A description, with what stands in backticks set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def _kind(schema: Mapping[str, Any]) -> Markup:
    """A schema in a few words, with links to those that have a section of their own."""
    return Markup(" or ").join(_kinds(schema)) or Markup("anything")


def _kinds(schema: Mapping[str, Any]) -> Iterator[Markup]:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        yield Markup('<a href="#{0}">{0}</a>').format(name)
    elif "anyOf" in schema or "oneOf" in schema:
        for choice in schema.get("anyOf", schema.get("oneOf", ())):
            yield from _kinds(choice)
    elif "enum" in schema or "const" in schema:
        yield from (Markup("<code>{}</code>").format(value) for value in schema.get("enum", [schema.get("const")]))
    elif schema.get("type") == "array":
        yield Markup("array of {}").format(_kind(schema.get("items", {})))
    elif "type" in schema:
        yield escape(schema.get("format", schema["type"]))


@cache
def _css() -> str:
    return (_TEMPLATES / "docs.css").read_text(encoding="utf-8")


def _style_hash() -> str:
    return base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
