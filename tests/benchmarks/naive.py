"""The baseline: what a good developer writes in an afternoon. Webhook, actor, POST.

It verifies, queues and calls one by one, each a contact, with dramatiq as it comes. It looks nobody up in the CRM. What
Redis forgets is lost, and what was under way when a worker died is logged twice.

``uvicorn tests.benchmarks.naive:app`` and ``dramatiq tests.benchmarks.naive -p 1 -t 8``
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
import time
from typing import Any

import dramatiq
import requests
from dramatiq.brokers.redis import RedisBroker
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.benchmarks.contacts import SECRET

CRM = os.environ["BENCH_CRM"]
dramatiq.set_broker(RedisBroker(url=os.environ["BENCH_BROKER"]))  # type: ignore[no-untyped-call]
per_thread = threading.local()


@dramatiq.actor
def log_contact(contact: dict[str, Any]) -> None:
    """Logs one contact in the CRM; dramatiq tries again where it fails."""
    session().post(f"{CRM}/contacts", json=[contact], timeout=20).raise_for_status()


def session() -> requests.Session:
    """One for each thread: they keep their connections, and are not safe to share."""
    if not hasattr(per_thread, "session"):
        per_thread.session = requests.Session()
    return per_thread.session  # type: ignore[no-any-return]


async def webhook(request: Request) -> Response:
    """Takes one event. Redis answers in a tenth of a millisecond: a pool of threads would cost more than it saves."""
    body = await request.body()
    if not is_genuine(request, body):
        return Response(status_code=401)
    event = json.loads(body)
    log_contact.send(
        {
            "key": f"{event['call_id']}/{event['event_id']}",
            "person": event["from"],
            "kind": "call",
            "direction": event["direction"],
            "at": event["at"],
            "seconds": event["duration"],
            "comment": event["comment"],
        }
    )
    return Response(status_code=202)


def is_genuine(request: Request, body: bytes) -> bool:
    """Whether the phone system signed it, and lately."""
    stamp = request.headers.get("X-Telephony-Timestamp", "")
    given = request.headers.get("X-Telephony-Signature", "")
    wanted = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given, wanted) and abs(time.time() - int(stamp)) < 300


app = Starlette(routes=[Route("/webhooks/pbx", webhook, methods=["POST"])])
