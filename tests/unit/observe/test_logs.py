"""Logs: one stream, one shape, no secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog

from cxsdk.observe import configure, logger, register


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    structlog.reset_defaults()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_the_time_in_utc() -> None:
    configure(stream=(stream := io.StringIO()))
    logger("cxsdk.sample", account="acme").bind(lane=7).info("sent", n=3)
    (line,) = lines(stream)
    assert datetime.fromisoformat(str(line.pop("timestamp"))).utcoffset() == timedelta(0)
    assert line == {"event": "sent", "level": "info", "logger": "cxsdk.sample", "account": "acme", "lane": 7, "n": 3}


def test_the_standard_librarys_logs_go_the_same_way() -> None:
    register("registered-1")
    configure(stream=(stream := io.StringIO()))
    logging.getLogger("other").warning("GET /bot%s/x took %d ms", "registered-1", 5)
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("GET /bot**********/x took 5 ms", "warning", "other")


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("log", [logger("cxsdk.sample"), logging.getLogger("other")])
def test_a_traceback_shows_no_secret(log: Any, as_json: bool) -> None:
    secret = f"registered-{2}"  # a traceback shows lines of this file
    register(secret)
    configure(stream=(stream := io.StringIO()), as_json=as_json)
    try:
        raise ValueError(f"bad {secret}")
    except ValueError:
        log.exception("failed")
    assert "ValueError: bad **********" in stream.getvalue()
    assert secret not in stream.getvalue()


def test_a_terminal_gets_readable_lines() -> None:
    configure(stream=(stream := io.StringIO()), as_json=False)
    logger("cxsdk.sample").info("sent", url="redis://:hidden@h/0")
    assert "sent" in stream.getvalue()
    assert "hidden" not in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_what_is_below_the_level_is_left_out() -> None:
    configure(stream=(stream := io.StringIO()), level="WARNING")
    logger("cxsdk.sample").info("quiet")
    assert stream.getvalue() == ""


def test_to_configure_twice_does_not_log_twice() -> None:
    configure(stream=io.StringIO())
    configure(stream=(stream := io.StringIO()))
    logger("cxsdk.sample").info("once")
    assert len(lines(stream)) == 1


def test_before_anything_is_configured_secrets_are_hidden_too(caplog: pytest.LogCaptureFixture) -> None:
    logger("cxsdk.sample").warning("sent", token="hidden-1")
    assert "hidden-1" not in caplog.text
    assert "sent" in caplog.text


def test_an_application_that_configured_structlog_keeps_its_way() -> None:
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )
    assert json.loads(logger("cxsdk.sample").info("sent")) == {"event": "sent"}
