"""A webhook as Typeform posts it, to try an installation with.

https://www.typeform.com/developers/webhooks/example-payload/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from cxsdk import Request, Secret, sign_hmac


def sample_responses(url: str, form: str, hidden: str, key: Secret, now: datetime) -> Mapping[str, Request]:
    """A grade for an invitation that nobody was sent: it is taken, and set aside as ``invitation_unknown``."""
    token, at = f"sample{now.timestamp():.3f}", now.strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = {"type": "number", "number": 9, "field": {"id": "sample", "type": "nps", "ref": "score"}}
    response = {"form_id": form, "token": token, "landed_at": at, "submitted_at": at, "answers": [answer]}
    told = {"event_id": f"event-{token}", "event_type": "form_response"}
    body = json.dumps({**told, "form_response": {**response, "hidden": {hidden: "sample-invitation"}}}).encode()
    request = Request(url=url, headers={"Content-Type": "application/json"}, body=body)
    return {"response": sign_hmac(request, header="Typeform-Signature", key=key, encoding="base64", prefix="sha256=")}
