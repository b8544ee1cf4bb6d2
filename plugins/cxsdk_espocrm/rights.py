"""What the API user's role must allow, compared with what it does.

EspoCRM tells it of whoever asks at ``App/user``: for each scope ``true``, or a level for each action; what is not
allowed at all is left out (its source, ``AppService::getUserData``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cxsdk import AuthenticationError, ConfigurationError, Rejected
from cxsdk_espocrm.client import Api
from cxsdk_espocrm.incoming import PEOPLE


def demand_rights(user: Mapping[str, Any], written: Sequence[str], person: str, *, deals: bool) -> None:
    """Raises AuthenticationError that names each scope and action that the role denies; an administrator may all."""
    if (user.get("user") or {}).get("type") == "admin":
        return
    table = (user.get("acl") or {}).get("table")
    if isinstance(table, Mapping) and (lacking := list(_lacking(table, _wanted(written, person, deals)))):
        raise AuthenticationError(
            f"The role of the API user does not allow: {', '.join(lacking)}. Allow it there, in EspoCRM's "
            "Administration > Roles.",
            code="espocrm_right_missing",
        )


def demand_user(api: Api, id: str) -> None:
    """Raises ConfigurationError where the user who is responsible where nobody else is, is not there."""
    try:
        api.read(f"User:{id}")
    except Rejected as error:
        raise ConfigurationError(
            "EspoCRM has no such user.",
            path="EspoCRM.default_user",
            cure="Take the id at the end of their page's address: #User/view/...",
        ) from error


def _wanted(written: Sequence[str], person: str, deals: bool) -> dict[str, list[str]]:
    people = {entity: ["read"] for entity in PEOPLE} | {person: ["create", "read"]}
    records = {entity: ["create", "read", "edit"] for entity in written if entity != person}
    return {**people, **records, "User": ["read"], **({"Opportunity": ["read"]} if deals else {})}


def _lacking(table: Mapping[str, Any], wanted: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for scope, actions in wanted.items():
        allowed = table.get(scope) or False
        levels = allowed if isinstance(allowed, Mapping) else dict.fromkeys(actions, "all" if allowed else "no")
        yield from (f"{scope} {action}" for action in actions if levels.get(action, "all") == "no")
