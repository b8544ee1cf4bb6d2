"""Where customers answer."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from cxsdk.capabilities.plugin import Plugin
from cxsdk.domain.survey import Invitation


class SurveyProvider(Plugin):
    """One account with a survey provider. Mix in Inbound to receive the answers."""

    #: Whether ``?score=9`` after a link opens it with that grade chosen.
    score_links: ClassVar[bool] = False

    @abstractmethod
    def link(self, invitation: Invitation) -> str:
        """The personal address where this invitation is answered; it must bring ``invitation.token`` back."""
