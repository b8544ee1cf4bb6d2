"""When an account counts as broken, and as what. Pure: what failed, since when, and until when nothing is tried.

An account breaks in one part: in its calls, or in one of its sources. A part is

- **broken** at once where the provider refuses our credentials;
- **broken** as soon as it is certain that nothing succeeds for more than five minutes, with those that it still rests:
  in an outage, over a limit, and in a source also whatever its plugin raises; where we count a limit ourselves and ask
  nobody before it is over, as soon as it holds everything up for more than an hour;
- **broken** where the CRM has refused twenty records in a row, and taken none: by then it is hardly the records;
- **well again** with the first record that is taken, or the first page, or end, that a source reaches.

What is said of one record otherwise (that its customer wants none, that the CRM has its person no more, that it is
deferred) shows that the account works, and so does what a channel refuses: that speaks of the recipient. A plugin's
hooks are no account, and break nothing.

A broken account rests like any that fails: it is tried with a single record after pauses that grow to a minute; after
five minutes where credentials were refused; and when a limit is over, where the provider says when.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

#: How long an account may not work without being called broken.
BROKEN_AFTER = timedelta(minutes=5)
#: How long a limit that we count ourselves may hold everything up: a small plan spreads its calls over the day.
LONG_WAIT = timedelta(hours=1)
#: How many records a CRM may refuse in a row without being called broken.
REFUSALS = 20


class Trouble(StrEnum):
    """What sort of thing keeps an account from working: the code of a breakage. Each has a cure."""

    CREDENTIALS = "account_credentials_refused"
    LIMIT = "account_over_limit"
    OUTAGE = "account_unreachable"
    REFUSALS = "account_refuses_records"
    PLUGIN = "account_plugin_fails"

    @property
    def means(self) -> str:
        """What is the matter."""
        return _MEANS[self]

    @property
    def cure(self) -> str:
        """What to do about it."""
        return _CURES[self]


_MEANS = {
    Trouble.CREDENTIALS: "The provider does not accept our credentials.",
    Trouble.LIMIT: "The account has been over a limit, or will be, for more than five minutes.",
    Trouble.OUTAGE: "The provider has not been reached, or was out of order, for more than five minutes.",
    Trouble.REFUSALS: "The CRM has refused twenty records in a row, or more.",
    Trouble.PLUGIN: "A source could not be read for more than five minutes: its plugin fails.",
}
_CURES = {
    Trouble.CREDENTIALS: "Renew the credentials at the provider, put them into the settings, and restart.",
    Trouble.LIMIT: "Wait, or have the provider allow more; if others use the same account, set limits= lower.",
    Trouble.OUTAGE: "Look at the provider's status page, and whether this machine reaches it. It is tried anyway.",
    Trouble.REFUSALS: "See why: cxsdk dead list --account NAME APP. Mend it at the provider or in the settings; then: "
    "cxsdk dead retry --account NAME APP",
    Trouble.PLUGIN: "Look into the log for source_failed, and report it to the plugin's author.",
}


def is_broken(trouble: Trouble, since: datetime, until: datetime, refusals: int = 0) -> bool:
    """Whether an account that has not worked since then, and is not tried before ``until``, counts as broken."""
    if trouble is Trouble.CREDENTIALS:
        return True
    if trouble is Trouble.REFUSALS:
        return refusals >= REFUSALS
    return until - since > BROKEN_AFTER
