"""What an account can do: read off what its plugin declares and overrides."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cxsdk.capabilities import CRM, Channel, Inbound, Plugin, SurveyProvider
from cxsdk.domain.raw import Request
from cxsdk.errors import SignatureError
from cxsdk.observe.guarding import guarded

#: What the kinds of plugins are called.
KINDS: tuple[tuple[type[Plugin], str], ...] = ((CRM, "crm"), (Channel, "channel"), (SurveyProvider, "survey provider"))


def kind_of(cls: type[Plugin]) -> str:
    """What sort of plugin this is."""
    return next((name for base, name in KINDS if issubclass(cls, base)), "plugin")


def abilities(account: Plugin, public_url: str) -> dict[str, Any]:
    """What an account can do, without what it cannot."""
    sends = isinstance(account, CRM) or account.supports("send")
    told: dict[str, Any] = {
        "sends_to": getattr(account, "reaches", None) if sends else None,
        "duplicates": getattr(account, "duplicates", None) if sends else None,
        "batch_size": account.batch_size if sends else None,
        "deadline_s": account.deadline_s if sends else None,
        "message_length": getattr(account, "message_length", None),
        "inline_answers": getattr(account, "inline_answers", False),
        "tasks": account.supports("save_tasks"),
        "agents": account.supports("agents"),
        "webhook_url": f"{public_url}/webhooks/{account.name}" if has_webhook(account) else None,
        "sources": sources_of(account),
        "pages": account.supports("pages"),
        "live_check": account.supports("check"),
    }
    return {name: value for name, value in told.items() if value}


def has_webhook(account: Plugin) -> bool:
    """Whether an account takes webhooks: its plugin can, and its settings do not say otherwise."""
    if not isinstance(account, Inbound) or not account.supports("verify"):
        return False
    try:
        with guarded():
            account.verify(Request(), datetime.now(UTC))
    except SignatureError as error:
        return error.code != "webhook_off"
    except Exception:  # a plugin that is not open yet
        return True
    return True


def sources_of(account: Plugin) -> list[str]:
    """The names of what is read on and on for an account."""
    if not isinstance(account, Inbound):
        return []
    try:
        with guarded():
            return list(account.sources())
    except Exception:  # as the clock does: it is logged there
        return []
