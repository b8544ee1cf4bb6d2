"""What ``cxsdk doctor`` may find: each with a stable code, how bad it is, what it means and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from cxsdk.errors import ConfigurationError, CxsdkError
from cxsdk.observe import redact
from cxsdk.policy.health import Trouble


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  #: something does not work
    WARNING = "warning"  #: something works less well than it should, or soon will not
    HINT = "hint"  #: nothing is wrong, and you may want to know


class Code(NamedTuple):
    """What a code stands for."""

    severity: Severity
    means: str
    cure: str


#: Every code of a finding. Mistakes of APP and of the schema have the codes of their errors instead.
CODES: Mapping[str, Code] = {
    "database_unreachable": Code(
        Severity.ERROR,
        "The database does not answer.",
        "Start it, and check CX.database: host, port, user, password and name.",
    ),
    "broker_unreachable": Code(
        Severity.ERROR,
        "The broker does not answer. Work goes on, late, once it does.",
        "Start it, and check CX.broker: host, port, user and password.",
    ),
    "nothing_runs": Code(
        Severity.ERROR,
        "Work has been due for more than a minute, and nobody does it.",
        "Run: cxsdk run APP",
    ),
    "worker_missing": Code(
        Severity.ERROR,
        "Work has been due for more than a minute and is rung for, and no worker comes.",
        "Run: cxsdk worker APP",
    ),
    "clock_missing": Code(
        Severity.ERROR,
        "Work has been due for more than a minute, and nobody rings for it.",
        "Run: cxsdk clock APP",
    ),
    "lane_behind": Code(
        Severity.WARNING,
        "A lane is worked on, and its oldest work has been due for more than five minutes.",
        "Start more workers; or look at how long the provider takes, and at the account's limits.",
    ),
    "account_removed": Code(
        Severity.WARNING,
        "Something is owed for an account that is configured no more.",
        "Configure the account again, or drop what is owed once it was set aside.",
    ),
    "rows_set_aside": Code(
        Severity.WARNING,
        "Rows were set aside: a person must decide.",
        "Look at them: cxsdk dead list APP",
    ),
    "plugin_broken": Code(
        Severity.WARNING,
        "A plugin was found and left out: it cannot be imported, or one of its hooks could never be called.",
        "Mend it, install another version of it, or uninstall it.",
    ),
    "plugin_incompatible": Code(
        Severity.WARNING,
        "A plugin was found and left out: it requires another version of cxsdk.",
        "Install a version of the plugin that fits, or another version of cxsdk.",
    ),
    "clock_differs": Code(
        Severity.WARNING,
        "This machine's clock and the database's differ by more than two seconds.",
        "Let both follow a time server (NTP): signatures, links and windows depend on the time.",
    ),
    "public_url_local": Code(
        Severity.WARNING,
        "public_url leads to this machine alone: providers and customers do not reach webhooks and survey links. "
        "With the broker memory://, as one tries it, only a hint.",
        'Give the address that the world knows: CX(public_url="https://…").',
    ),
    "public_url_insecure": Code(
        Severity.WARNING,
        "public_url is not https: answers and webhooks can be read and changed on their way; some providers refuse it.",
        'Put a proxy with a certificate in front, and give CX(public_url="https://…").',
    ),
    "sqlite_in_production": Code(
        Severity.HINT,
        "The world reaches an installation whose database is one SQLite file: one machine, one process that writes.",
        "Good for a small installation that is backed up; else use PostgreSQL.",
    ),
    "disk_low": Code(
        Severity.WARNING,
        "Where the SQLite file lies, less than 1 GB is free.",
        "Make room: on a full disk nothing more is taken.",
    ),
    **{trouble.value: Code(Severity.ERROR, trouble.means, trouble.cure) for trouble in Trouble},
}


@dataclass(frozen=True)
class Finding:
    """One thing that was found; ``about`` is the setting, account, lane or plugin that it is about."""

    code: str
    severity: Severity
    about: str
    message: str
    cure: str

    def as_json(self) -> dict[str, Any]:
        """As JSON knows it."""
        return asdict(self)


def finding(code: str, about: str, message: str = "", severity: Severity | None = None) -> Finding:
    """A finding of one of the codes; without a message, what the code means."""
    known = CODES[code]
    return Finding(code, severity or known.severity, about, message or known.means, known.cure)


def found_error(error: CxsdkError, about: str = "") -> Finding:
    """An error of ours as a finding."""
    cure, message = (error.cure, error.message) if isinstance(error, ConfigurationError) else ("", str(error))
    place = error.path if isinstance(error, ConfigurationError) else ""
    return Finding(error.code, Severity.ERROR, about or place, redact(message), cure)
