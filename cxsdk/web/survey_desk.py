"""What the survey page needs of the rest of the house: a view of an invitation, and a place for what is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from pydantic import Field

from cxsdk.domain.raw import Raw
from cxsdk.domain.survey import Survey
from cxsdk.domain.texts import Overrides
from cxsdk.domain.values import Value


class SurveyView(Value):
    """What the page needs to know of an invitation."""

    account: str  #: the survey provider's account, to which the answer belongs
    survey: Survey
    language: str = "en"
    company: str = ""  #: the name under which the customer knows the company
    answers: Mapping[str, int | str | None] = Field(default_factory=dict)  #: so far, by question id
    state: Literal["open", "answered", "expired", "cancelled"] = "open"
    texts: Overrides = Field(default_factory=dict)


class SurveyDesk(Protocol):
    """What the page needs of the rest of the house."""

    def view(self, token: str) -> SurveyView | None:
        """The invitation with this token, or None. Reads only; called in a thread. May raise StoreUnavailable."""

    async def receive(self, account: str, raw: Raw) -> None:
        """Stores a record of the account durably, once for each ``raw.id``. Raises StoreUnavailable."""
