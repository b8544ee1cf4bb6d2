"""What a plugin author tests with: a plugin opened with all it needs, and each of its doors as one call."""

from __future__ import annotations

from cxsdk.testing.context import NOW, SampleContext, opened, read, receive, send

__all__ = ["NOW", "SampleContext", "opened", "read", "receive", "send"]
