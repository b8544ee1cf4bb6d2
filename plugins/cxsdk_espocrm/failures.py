"""What an error of EspoCRM means: the status, the reason in a header, and the field in the body.

https://docs.espocrm.com/development/api/#error-codes
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cxsdk import AuthenticationError, CxsdkError, PersonGone, RateLimited, Rejected, Transient

if TYPE_CHECKING:
    import requests

#: A 403 with one of these speaks of the account; with another one, of the very record.
_OF_THE_ACCOUNT = re.compile(r"No (create |read )?access\.?$|Not allowed IP address")
_NO_FIELD = re.compile(r"attribute '(\w+)' in where")
_RIGHTS = "Check the role of the API user in EspoCRM."
_KEY = "EspoCRM does not accept the API key, or the signature made with secret_key: take both from the API user."


def read_failure(response: requests.Response) -> CxsdkError | None:
    """The error in an answer, where its status alone does not tell enough."""
    reason, (label, detail) = response.headers.get("X-Status-Reason", ""), _detail(response)
    said = " ".join(filter(None, [f"EspoCRM: {response.status_code}", reason, detail]))
    match response.status_code:
        case 400 if field := _NO_FIELD.search(reason):
            return _field_missing(field[1])
        case 401:
            return AuthenticationError(_KEY)
        case 403 if reason:
            return _forbidden(reason, said, label)
        case 400 | 404 | 409:
            return Rejected(said, provider_code=label)
        case 503 if "maintenance" in reason:
            return Transient(said, retry_after=60)
    return None


def _field_missing(field: str) -> CxsdkError:
    # nothing can be found again without it: the account waits, and no record is given up
    return AuthenticationError(
        f"EspoCRM has no field {field} that the API user may read. Create it in the Entity Manager, or allow it in the "
        "role; key_field and dates name the fields.",
        code="espocrm_field_missing",
    )


def _forbidden(reason: str, said: str, label: str | None) -> CxsdkError:
    if reason.startswith("Max failed login attempts"):
        return RateLimited(f"{said} {_KEY}", retry_after=60)
    if _OF_THE_ACCOUNT.match(reason):
        return AuthenticationError(f"{said} {_RIGHTS}")
    if label == "cannotRelateNonExisting":
        return PersonGone(f"{said} The person that it belongs to is gone: deleted, or merged.", provider_code=label)
    return Rejected(f"{said} {_RIGHTS}", provider_code=label)


def _detail(response: requests.Response) -> tuple[str | None, str]:
    """What the body says: a label, and which field is refused and why; or a message."""
    try:
        body = response.json()
    except ValueError:
        return None, ""
    match body:
        case {"messageTranslation": {"label": str(label), **translation}}:
            data = translation.get("data")
            return label, ", ".join(f"{name} {value}" for name, value in data.items()) if isinstance(data, dict) else ""
        case {"message": str(message)}:
            return None, message
    return None, ""
