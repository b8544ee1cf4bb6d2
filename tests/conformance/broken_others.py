"""Channels and survey providers that are good but for one thing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import PrivateAttr

from cxsdk import Fact, Invitation, Request
from tests.conformance.good import GoodForms, GoodFormsConformance, GoodSMS, GoodSMSConformance


class PromisesLongMessages(GoodSMS):
    message_length = 1600


class MatchesNoDelivery(GoodSMS):
    def delivery(self, about: Any, event: Any) -> Fact:
        return super().delivery(about, {**event, "message": event["id"]})


class OffersSamplesThatNobodySigned(GoodSMS):
    def samples(self, url: str, now: datetime) -> dict[str, Request]:
        return {"text": Request(url=url, body=b"{}")}


class LosesTheInvitation(GoodSMS):
    def response(self, about: Any, token: str, answers: dict[str, int]) -> Fact:
        return super().response(about, "tok", answers)


class GivesHalfAnAddress(GoodForms):
    def link(self, invitation: Invitation) -> str:
        return super().link(invitation).removeprefix("https:")


class GivesAnotherLinkEachTime(GoodForms):
    _asked: int = PrivateAttr(default=0)

    def link(self, invitation: Invitation) -> str:
        self._asked += 1
        return f"{super().link(invitation)}&asked={self._asked}"


class ChangesTheToken(GoodForms):
    def link(self, invitation: Invitation) -> str:
        return super().link(invitation.model_copy(update={"token": invitation.token.lower()}))


def _sms(plugin: type[Any]) -> type[Any]:
    return type(plugin.__name__, (GoodSMSConformance,), {"of": plugin})


def _forms(plugin: type[Any]) -> type[Any]:
    return type(plugin.__name__, (GoodFormsConformance,), {"of": plugin})


#: Each with the kind of test that refuses it.
BROKEN: list[tuple[str, type[Any]]] = [
    ("messages of the declared length", _sms(PromisesLongMessages)),
    ("deliveries are matched", _sms(MatchesNoDelivery)),
    ("proven requests are taken", _sms(OffersSamplesThatNobodySigned)),
    ("taps answer", _sms(LosesTheInvitation)),
    ("a link of its own for each invitation", _forms(GivesHalfAnAddress)),
    ("a link of its own for each invitation", _forms(GivesAnotherLinkEachTime)),
    ("the token comes back", _forms(ChangesTheToken)),
]
