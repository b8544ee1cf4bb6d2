"""Everything that a process of the command line imports."""

from __future__ import annotations

import gc
from importlib import import_module

from cxsdk.cli.group import COMMANDS
from cxsdk.hooks import Hooks
from cxsdk.store import schema

for module in (
    *(module for name, module in COMMANDS.items() if name != "demo"),
    "alembic.command", "alembic.ddl.postgresql", "alembic.ddl.sqlite", "cxsdk.web",
    "cxsdk_workers.clock", "cxsdk_workers.process", "cxsdk_workers.worker",
    "dramatiq.brokers.rabbitmq", "dramatiq.brokers.redis", "phonenumbers", "psycopg", "redis",
    "pydantic.v1", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite", "structlog.dev",
    "uvicorn.lifespan.on", "uvicorn.loops.uvloop", "uvicorn.protocols.http.httptools_impl", "uvloop",
    "tests.crash.vendor_plugins",
):  # fmt: skip
    import_module(module)
Hooks.load()
schema.newest()
gc.freeze()  # what is never looked at again is never copied
