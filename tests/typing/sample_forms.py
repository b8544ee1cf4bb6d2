"""Sample Forms: a personal link out, an answer in, as an author would write the whole plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from cxsdk import Inbound, Invitation, Raw, Request, Response, Secret, SurveyProvider, hookimpl, verify_token


class SampleForms(SurveyProvider, Inbound):
    """One Sample Forms account; ``forms`` says which form asks which survey."""

    forms: Mapping[str, str]
    webhook_token: Secret

    def link(self, invitation: Invitation) -> str:
        form = self.forms[invitation.survey]
        return f"https://forms.sample.example/{form}?lang={invitation.language}&who={invitation.token}"

    def verify(self, request: Request, now: datetime) -> None:
        verify_token(request, header="Sample-Token", token=self.webhook_token)

    def parse(self, raw: Raw) -> Iterator[Response]:
        with raw.reading() as filled:
            answers = {"score": filled["grade"], "comment": filled["words"]}
            yield Response(key=filled["id"], at=filled["sent"], invitation=filled["who"], answers=answers)


@hookimpl
def register_survey_providers() -> Sequence[type[SurveyProvider]]:
    return [SampleForms]
