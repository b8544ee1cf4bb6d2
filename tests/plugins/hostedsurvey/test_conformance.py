"""The hosted survey passes the conformance kit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cxsdk import Raw
from cxsdk.testing import StandIn, SurveyProviderConformance
from cxsdk_hostedsurvey import HostedSurvey


def sent(token: str) -> Raw:
    page = {"x-invitation": token, "x-action": "answer", "x-scales": "nps", "x-words": "comment"}
    page |= {"content-type": "application/x-www-form-urlencoded"}
    return Raw(id=f"{token}:1", body=b"q_nps=9&q_comment=All+is+well", headers=page, received_at=datetime.now(UTC))


class Page(StandIn):
    """The page that cxsdk serves itself."""

    def respond(self, link: str) -> Any:
        return sent(link.rpartition("/")[2])


class TestHostedSurvey(SurveyProviderConformance):
    stand_in = Page
    payloads = (sent("tok"),)

    def plugin(self) -> HostedSurvey:
        return HostedSurvey()
