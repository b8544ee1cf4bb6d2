"""amoCRM's webhooks: a form with nested names, which bears no signature, so that a secret in its address proves it.

https://www.amocrm.ru/developers/content/crm_platform/webhooks-format
https://developers.kommo.com/docs/webhooks-general
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from cxsdk import Raw, Request, Secret, SignatureError

#: The parameter of the address that holds the secret.
PARAMETER = "key"
_PLACE = re.compile(r"(\w{1,40})\[(\w{1,40})\]\[(\d{1,6})\]\[(\w{1,60})\]")


class Told(NamedTuple):
    """One thing that a webhook tells: of what kind of record, what was done to it, and its fields as texts."""

    kind: str
    action: str
    number: str
    fields: Mapping[str, str]


def address(url: str, secret: Secret) -> str:
    """The address to give to amoCRM."""
    return f"{url}?{urlencode({PARAMETER: secret.reveal()})}"


def check_address(request: Request, secret: Secret | None) -> None:
    """Raises SignatureError unless the address that was called holds our secret."""
    if secret is None:
        raise SignatureError("No webhook of amoCRM is expected here; give webhook_secret.", code="webhook_off")
    given = parse_qs(urlsplit(request.url).query, errors="surrogateescape").get(PARAMETER, [""])[-1]
    if not given:
        raise SignatureError(f"The address has no parameter {PARAMETER}.", code="signature_missing")
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret.reveal().encode()):
        raise SignatureError(f"The parameter {PARAMETER} of the address is not our webhook_secret.")


def told_in(raw: Raw) -> Iterator[Told]:
    """What a webhook tells, in its order."""
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for name, value in raw.form().items():
        if place := _PLACE.fullmatch(name):
            kind, action, number, field = place.groups()
            found.setdefault((kind, action, number), {})[field] = value
    for (kind, action, number), fields in found.items():
        yield Told(kind, action, number, fields)


def sample_webhooks(url: str, secret: Secret, now: datetime) -> Mapping[str, Request]:
    """A task that an agent completed, and one that was deleted."""
    at = int(now.timestamp())
    account = {"account[id]": "1234567", "account[subdomain]": "example"}
    task = {"id": round(now.timestamp() * 1000), "status": 1, "last_modified": at, "responsible_user_id": 7654321}
    forms = {
        "task_completed": {f"task[update][0][{name}]": str(value) for name, value in task.items()},
        "task_deleted": {"task[delete][0][id]": str(task["id"])},
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return {
        name: Request(url=address(url, secret), headers=headers, body=urlencode({**form, **account}).encode())
        for name, form in forms.items()
    }
