"""A desk in memory, as a stand-in for the store behind the survey page."""

from __future__ import annotations

from cxsdk.domain.raw import Raw
from cxsdk.domain.surveys import CLOSING, LOYALTY, POST_PURCHASE
from cxsdk.errors import StoreUnavailable
from cxsdk.web.surveys import SurveyView


class Desk:
    """Keeps records in memory; it can be down for reading, for writing, or for both."""

    def __init__(self) -> None:
        self.views = {
            "loyalty": SurveyView(account="hosted", survey=LOYALTY, language="en", company="Sample & Sons"),
            "purchase": SurveyView(account="hosted", survey=POST_PURCHASE, language="uk", company="Sample Shop"),
            "closing": SurveyView(account="hosted", survey=CLOSING, language="ru", company="Sample Shop"),
        }
        self.rows: dict[tuple[str, str], Raw] = {}
        self.readable = self.writable = True

    def view(self, token: str) -> SurveyView | None:
        if not self.readable:
            raise StoreUnavailable
        return self.views.get(token)

    async def receive(self, account: str, raw: Raw) -> None:
        if not self.writable:
            raise StoreUnavailable(retry_after=7)
        self.rows.setdefault((account, raw.id), raw)

    @property
    def raws(self) -> list[Raw]:
        return list(self.rows.values())

    def change(self, token: str, **changes: object) -> None:
        self.views[token] = self.views[token].model_copy(update=changes)
