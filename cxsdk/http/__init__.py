"""All outbound HTTP: one session per account, with deadlines, safe repetition, and errors that say what to do."""

from __future__ import annotations

from cxsdk.http.deadline import deadline
from cxsdk.http.oauth_session import OAuthSession
from cxsdk.http.retry_after import retry_after
from cxsdk.http.session import Session

__all__ = ["OAuthSession", "Session", "deadline", "retry_after"]
