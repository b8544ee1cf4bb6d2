"""What the system says of itself: logs, counters, and nothing that is secret."""

from __future__ import annotations

from cxsdk.observe.logs import configure, logger
from cxsdk.observe.metrics import count, snapshot
from cxsdk.observe.redaction import forget, redact, redact_url, register, register_secrets

__all__ = ["configure", "count", "forget", "logger", "redact", "redact_url", "register", "register_secrets", "snapshot"]
