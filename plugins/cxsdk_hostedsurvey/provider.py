"""Links to the survey page that cxsdk serves itself, and what its form brings back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import PrivateAttr

from cxsdk import BadInput, ContactRequest, Inbound, OptOut, Response, SurveyProvider

if TYPE_CHECKING:
    from datetime import datetime

    from cxsdk import Context, Invitation, Raw

#: What no database and no CRM keeps: control characters other than tab and line break.
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class HostedSurvey(SurveyProvider, Inbound):
    """Customers answer on a page of this very installation: nothing to set up, nobody else sees the answers."""

    score_links = True

    _context: Context = PrivateAttr()

    def open(self, context: Context) -> None:
        """Keeps the context, which signs the links."""
        self._context = context

    def link(self, invitation: Invitation) -> str:
        """The signed address of the page; with ``?score=9`` after it, that score is chosen already."""
        return self._context.survey_link(invitation.token, invitation.expires_at)

    def parse(self, raw: Raw) -> Iterator[Response | OptOut]:
        """One sent form: an answer or a part of one, or the wish to get no more surveys."""
        token, at = raw.headers.get("x-invitation"), raw.received_at
        if not token or at is None:
            raise BadInput("was not sent from the survey page.", field="x-invitation", code="not_a_survey_form")
        if raw.headers.get("x-action") == "stop":
            yield OptOut(key=raw.id, at=at, invitation=token, reason="survey page")
        else:
            yield _response(raw, token, at)


def _response(raw: Raw, token: str, at: datetime) -> Response:
    form = {name: _clean(value) for name, value in raw.form().items()}
    answers = dict(_grades(form, raw.headers.get("x-scales", "").split()))
    answers |= {id: said for id in raw.headers.get("x-words", "").split() if (said := form.get(f"q_{id}"))}
    return Response(key=raw.id, at=at, invitation=token, answers=answers, contact=_contact(form))


def _grades(form: Mapping[str, str], questions: list[str]) -> Iterator[tuple[str, int | str]]:
    for id in questions:
        said = form.get(f"q_{id}", "")
        if said and not (said.isascii() and said.isdigit() and len(said) <= 2):
            raise BadInput("is not a grade.", field=f"q_{id}", code="score_invalid")
        if said:
            yield id, int(said)


def _contact(form: Mapping[str, str]) -> ContactRequest | None:
    if form.get("contact") != "on":
        return None
    # as typed: the core reads it as a number that perhaps is this person's
    return ContactRequest(phone=form.get("phone", ""), hours=form.get("hours", ""))


def _clean(said: str) -> str:
    return _UNSTORABLE.sub("", said.replace("\r\n", "\n").replace("\r", "\n")).strip()
