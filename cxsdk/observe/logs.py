"""Structured logs: readable on a terminal, one JSON object a line elsewhere, and the standard library's among them."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

from cxsdk.observe.redaction import hide


class _Logger:
    """A structlog logger that is made when it is first used: ``import cxsdk`` does not pay for it."""

    def __init__(self, name: str, bound: dict[str, Any]) -> None:
        self._name = name
        self._bound = bound

    def __getattr__(self, attribute: str) -> Any:
        return getattr(_structlog().get_logger(self._name).bind(**self._bound), attribute)


def logger(name: str, **bound: Any) -> Any:
    """A logger whose every event carries these values; what it logs is redacted."""
    return _Logger(name, bound)


def configure(*, level: str = "INFO", as_json: bool | None = None, stream: TextIO | None = None) -> None:
    """Sends all logs of this process to one stream (stderr): as JSON, unless it is a terminal. For the cli alone."""
    stream = stream or sys.stderr
    as_json = not stream.isatty() if as_json is None else as_json
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(as_json=as_json))
    handler.set_name("cxsdk")
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.get_name() == "cxsdk"]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)


def _structlog() -> Any:
    import structlog

    # An application that embeds cxsdk and has configured structlog keeps its own way of logging.
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                *_chain(),
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )
    return structlog


def _chain() -> list[Any]:
    """What is done to every event, ours or the standard library's. Tracebacks are text before they are redacted."""
    import structlog

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        hide,
    ]


def formatter(*, as_json: bool) -> logging.Formatter:
    """Writes each event as one line without secrets: JSON, or for people."""
    import structlog

    plain = structlog.dev.plain_traceback
    last = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(exception_formatter=plain)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_chain(), processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last]
    )
