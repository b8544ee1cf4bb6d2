"""What Twilio sends, as its documents show it: callbacks as forms, items of its lists as JSON."""

from __future__ import annotations

import base64
import hmac
import os
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cxsdk import Fact, InteractionFact, Raw, Secret
from cxsdk.domain.interaction import Interaction, Kind, fold
from cxsdk.testing import NOW, receive
from cxsdk_twilio import Twilio

#: Vendors' specifications and signatures, where they lie beside the project.
FACTS = Path(os.environ.get("VENDOR_FACTS", Path(__file__).parents[4] / "shared"))

#: When the sample calls begin: ten minutes ago.
BEGAN = NOW - timedelta(minutes=10)

ACCOUNT = "AC" + "a1" * 16
TOKEN = "12345"
URL = "https://cx.example.com/webhooks/twilio"
API = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}"

CUSTOMER = "+12125550123"
LINE = "+12125550100"
MOBILE = "+12125550177"  # of an employee
CALL = "CA" + "0" * 31 + "1"
LEG = "CA" + "0" * 31 + "2"
NEXT_LEG = "CA" + "0" * 31 + "3"
TEXT = "SM" + "0" * 31 + "1"
MEDIA_TEXT = "MM" + "0" * 31 + "2"
RECORDING = "RE" + "0" * 31 + "1"


def twilio(**settings: Any) -> Twilio:
    return Twilio(**{"account_sid": ACCOUNT, "auth_token": Secret(TOKEN), "sender": LINE, **settings})


def rfc2822(at: datetime) -> str:
    return format_datetime(at)


def after(seconds: float) -> str:
    return rfc2822(BEGAN + timedelta(seconds=seconds))


# -- callbacks


def call(status: str, seconds: float = 0, **fields: Any) -> dict[str, str]:
    """A call from a customer to the company's line, so many seconds after it began."""
    usual = {
        "CallSid": CALL, "AccountSid": ACCOUNT, "From": CUSTOMER, "To": LINE, "Caller": CUSTOMER, "Called": LINE,
        "CallStatus": status, "ApiVersion": "2010-04-01", "Direction": "inbound", "Timestamp": after(seconds),
        "CallbackSource": "call-progress-events", "SequenceNumber": "0",
    }  # fmt: skip
    return {**usual, **fields}


def leg(status: str, seconds: float = 0, **fields: Any) -> dict[str, str]:
    """What was dialled for it: an employee's client."""
    dialled = {"CallSid": LEG, "ParentCallSid": CALL, "Direction": "outbound-dial", "To": "client:alice"}
    return call(status, seconds, **{**dialled, "Called": "client:alice", **fields})


def recording(status: str = "completed", **fields: Any) -> dict[str, str]:
    usual = {
        "RecordingSource": "DialVerb", "RecordingTrack": "both", "RecordingSid": RECORDING, "RecordingStatus": status,
        "RecordingUrl": f"{API}/Recordings/{RECORDING}", "RecordingChannels": "1", "ErrorCode": "0", "CallSid": CALL,
        "RecordingStartTime": after(5), "AccountSid": ACCOUNT, "RecordingDuration": "30",
    }  # fmt: skip
    return {**usual, **fields}


def text(body: str = "Where is my parcel?", **fields: Any) -> dict[str, str]:
    """A message of a customer."""
    usual = {
        "ToCountry": "US", "ToState": "NY", "SmsMessageSid": TEXT, "NumMedia": "0", "ToCity": "NEW YORK",
        "SmsSid": TEXT, "SmsStatus": "received", "Body": body, "To": LINE, "NumSegments": "1", "MessageSid": TEXT,
        "AccountSid": ACCOUNT, "From": CUSTOMER, "ApiVersion": "2010-04-01",
    }  # fmt: skip
    return {**usual, **fields}


def status(state: str, **fields: Any) -> dict[str, str]:
    """What became of a message of ours."""
    usual = {
        "SmsSid": TEXT, "SmsStatus": state, "MessageStatus": state, "To": CUSTOMER, "MessageSid": TEXT,
        "AccountSid": ACCOUNT, "From": LINE, "ApiVersion": "2010-04-01",
    }  # fmt: skip
    return {**usual, **fields}


# -- the API's answers


def made(state: str = "queued", **fields: Any) -> dict[str, Any]:
    """The answer to a message that was sent, and an item of the list of messages."""
    usual = {
        "account_sid": ACCOUNT, "api_version": "2010-04-01", "body": "Thank you", "date_created": after(0),
        "date_sent": None, "date_updated": after(0), "direction": "outbound-api", "error_code": None,
        "error_message": None, "from": LINE, "num_media": "0", "num_segments": "1", "price": None, "price_unit": None,
        "messaging_service_sid": None, "sid": TEXT, "status": state, "to": CUSTOMER,
        "subresource_uris": {"media": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{TEXT}/Media.json"},
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{TEXT}.json",
    }  # fmt: skip
    return {**usual, **fields}


def came(**fields: Any) -> dict[str, Any]:
    """A customer's message in the list."""
    inbound = {"direction": "inbound", "from": CUSTOMER, "to": LINE, "date_sent": after(1)}
    return made("received", **{**inbound, "body": "Where is my parcel?", **fields})


def listed(state: str = "completed", **fields: Any) -> dict[str, Any]:
    """An item of the list of calls."""
    usual = {
        "account_sid": ACCOUNT, "answered_by": None, "api_version": "2010-04-01", "caller_name": None,
        "date_created": after(0), "date_updated": after(60), "direction": "inbound", "duration": "40",
        "end_time": after(60), "forwarded_from": None, "from": CUSTOMER, "from_formatted": "(212) 555-0123",
        "group_sid": None, "parent_call_sid": None, "phone_number_sid": None, "price": None, "price_unit": "USD",
        "sid": CALL, "start_time": after(20), "status": state, "to": LINE, "to_formatted": "(212) 555-0100",
        "trunk_sid": None, "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json", "queue_time": "0",
        "subresource_uris": {"recordings": f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}/Recordings.json"},
    }  # fmt: skip
    return {**usual, **fields}


def page(name: str, *items: dict[str, Any], next: str | None = None) -> dict[str, Any]:
    """One page of a list."""
    uri = f"/2010-04-01/Accounts/{ACCOUNT}/{name}.json?PageSize=1000"
    return {
        name.lower(): list(items), "first_page_uri": f"{uri}&Page=0", "next_page_uri": next, "previous_page_uri": None,
        "page": 0, "page_size": 1000, "start": 0, "end": max(len(items) - 1, 0), "uri": uri,
    }  # fmt: skip


def refusal(code: int, status: int = 400, message: str = "refused") -> dict[str, Any]:
    """An answer that is an error."""
    return {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


# -- in


def sign(url: str, form: dict[str, str], token: str = TOKEN) -> dict[str, str]:
    """The headers with which Twilio sends a form."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    signature = base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()
    return {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}


def posted(*forms: dict[str, str], **settings: Any) -> list[Fact]:
    """The facts of signed callbacks."""
    channel = twilio(**settings)
    sent = [(form, urlencode(form).encode()) for form in forms]
    return [fact for form, body in sent for fact in receive(channel, headers=sign(URL, form), body=body, url=URL)]


def interaction(*told: dict[str, Any], **settings: Any) -> Interaction:
    """What callbacks and items of the list add up to."""
    channel = twilio(**settings)
    raws = [
        Raw.of(each) if "sid" in each else Raw(id="-", body=urlencode(each).encode(), received_at=NOW) for each in told
    ]
    facts = [fact for raw in raws for fact in channel.parse(raw)]
    calls = [fact for fact in facts if isinstance(fact, InteractionFact)]
    assert len({fact.interaction for fact in calls}) == 1
    return fold(calls, Kind.CALL)
