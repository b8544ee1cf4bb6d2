"""The survey pages' desk over the store: what an invitation looks like, and where answers go."""

from __future__ import annotations

from typing import Literal

from cxsdk.domain.raw import Raw
from cxsdk.domain.survey import InvitationState
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import invitations
from cxsdk.store.inbox import Arrival
from cxsdk.web.intake import Intake
from cxsdk.web.survey_desk import SurveyView


class StoreDesk:
    """Implements ``SurveyDesk``."""

    def __init__(self, runtime: Runtime, intake: Intake) -> None:
        self._runtime = runtime
        self._intake = intake

    def view(self, token: str) -> SurveyView | None:
        """The invitation with this token, as it stands."""
        with self._runtime.store.read() as tx:
            found = invitations.by_token(tx, token)
            answer = invitations.responses_to(tx, [found.id]).get(found.id) if found is not None else None
        survey = self._runtime.policy.survey(found.survey) if found is not None else None
        if found is None or survey is None:
            return None
        return SurveyView(
            account=found.provider or "",
            survey=survey,
            language=found.language or self._runtime.policy.language,
            company=self._runtime.policy.company,
            answers=answer.answers if answer is not None else {},
            state=_state(found.state),
            texts=self._runtime.policy.texts,
        )

    async def receive(self, account: str, raw: Raw) -> None:
        """Stores what was sent as a record of the survey provider's account, like any webhook."""
        await self._intake.put([Arrival(account, raw)])


def _state(state: str) -> Literal["open", "answered", "expired", "cancelled"]:
    if state == InvitationState.ANSWERED:
        return "answered"
    if state == InvitationState.EXPIRED:
        return "expired"
    return "cancelled" if state == InvitationState.SKIPPED else "open"
