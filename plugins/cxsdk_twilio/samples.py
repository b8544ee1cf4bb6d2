"""Callbacks as Twilio posts them, to try an installation with.

https://www.twilio.com/docs/voice/twiml#request-parameters, https://www.twilio.com/docs/messaging/guides/webhook-request
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import urlencode

from cxsdk import Request, Secret
from cxsdk_twilio.signature import sign_form

_CUSTOMER = "+12125550123"


def sample_callbacks(url: str, account: str, line: str, key: Secret, now: datetime) -> Mapping[str, Request]:
    """A message and a call of the sample customer, the call missed or answered, and a delivery of nobody's message."""
    sid = hashlib.sha256(f"{now.timestamp()}".encode()).hexdigest()[:32]
    parties = {"AccountSid": account, "From": _CUSTOMER, "To": line, "ApiVersion": "2010-04-01"}
    call = {**parties, "CallSid": f"CA{sid}", "Direction": "inbound", "Timestamp": format_datetime(now)}
    text = {**parties, "MessageSid": f"SM{sid}", "SmsSid": f"SM{sid}"}
    forms = {
        "message": {**text, "SmsStatus": "received", "NumMedia": "0", "Body": "Hello, is my parcel on its way?"},
        "delivered": {**text, "From": line, "To": _CUSTOMER, "SmsStatus": "delivered", "MessageStatus": "delivered"},
        "missed_call": {**call, "CallStatus": "no-answer"},
        "call": {**call, "CallStatus": "completed", "CallDuration": "60"},
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    made = {name: Request(url=url, headers=headers, body=urlencode(form).encode()) for name, form in forms.items()}
    return {name: sign_form(request, key) for name, request in made.items()}
