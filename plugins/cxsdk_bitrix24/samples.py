"""Events as Bitrix24 sends them, to try an installation.

https://apidocs.bitrix24.com/api-reference/events/index.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from cxsdk import Request, Secret
from cxsdk_bitrix24.incoming import PROOF

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def sample_events(url: str, now: datetime, token: Secret) -> Mapping[str, Request]:
    """A task that was deleted, which no portal has: its id is the moment itself."""
    told = {
        "event": "ONCRMACTIVITYDELETE",
        "event_handler_id": "1",
        "data[FIELDS][ID]": f"{now.timestamp() * 1000:.0f}",
        "ts": f"{now.timestamp():.0f}",
        "auth[domain]": "example.bitrix24.com",
        "auth[client_endpoint]": "https://example.bitrix24.com/rest/",
        "auth[server_endpoint]": "https://oauth.bitrix24.tech/rest/",
        "auth[member_id]": "sample",
        PROOF: token.reveal(),
    }
    return {"task_deleted": Request(url=url, headers=_FORM, body=urlencode(told).encode())}
