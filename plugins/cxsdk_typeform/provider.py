"""Typeform as a survey provider: personal links out; responses in by webhook, and from the API what no webhook told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, ClassVar
from urllib.parse import urlencode

from pydantic import Field, field_validator

from cxsdk import (
    ConfigurationError,
    Context,
    Inbound,
    Invitation,
    Limit,
    Page,
    Raw,
    Reader,
    Rejected,
    Request,
    Response,
    Secret,
    Stop,
    SurveyProvider,
    verify_hmac,
)
from cxsdk_typeform.answers import Wording
from cxsdk_typeform.catch_up import read_responses
from cxsdk_typeform.samples import sample_responses

FormId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
#: The name of our webhook at each form.
TAG = "cxsdk"
#: What a webhook is about; all else is no concern of ours.
COMPLETED, PARTIAL = "form_response", "form_response_partial"


class Typeform(SurveyProvider, Inbound):
    """An account at Typeform; ``docs/plugins/typeform.md`` says what to set up there."""

    #: A personal access token.
    token: Secret
    #: The secret of the forms' webhooks, with which Typeform signs.
    webhook_secret: Secret
    #: The form of each survey, by its name; or a form for each language, of which the first stands for all others.
    forms: Mapping[str, FormId | Mapping[str, FormId]] = Field(min_length=1)
    #: What a field is, by its ``ref``: ``score``, ``comment``, a question's id, ``contact``, ``phone``, or ``hours``.
    questions: Mapping[str, Name] = Field(default={})
    #: The grades of choices, by a choice's ``ref`` or label.
    grades: Mapping[str, int] = Field(default={})
    #: The hidden field that carries the invitation.
    hidden_field: Name = "invitation"
    #: Whether responses are read from the API, too, for what no webhook told.
    catch_up: bool = True
    #: The API, in the account's data centre.
    api_url: str = Field(default="https://api.typeform.com", pattern=r"^https?://[^\s/]+$")
    #: Where the account's forms are opened.
    form_url: str = Field(default="https://form.typeform.com", pattern=r"^https?://[^\s/]+$")
    limits: tuple[Limit, ...] = (Limit(calls=2, per="1s"),)

    poll_every: ClassVar[timedelta] = timedelta(minutes=5)

    @field_validator("forms")
    @classmethod
    def _a_language_at_least(cls, forms: Mapping[str, FormId | Mapping[str, FormId]]) -> Mapping[str, object]:
        if not all(forms.values()):
            raise ValueError("a survey has no form: give its id, or one for each language")
        return forms

    def open(self, context: Context) -> None:
        """Keeps a session; asks Typeform nothing."""
        self._http = context.http(self.api_url, bearer=self.token)
        self._clock, self._log = context.clock, context.log
        self._webhook_url = context.webhook_url

    def check(self) -> str:
        """Looks whether each form is there, carries the invitation, and tells its answers in one way or the other."""
        forms = self._all_forms()
        for form in forms:
            self._demand_hidden_field(form)
        silent = [form for form in forms if not self._has_webhook(form)]
        if self.catch_up:
            self._http.get(f"/forms/{forms[0]}/responses", params={"page_size": 1})
        elif silent:
            raise ConfigurationError(
                f"No webhook of the forms {', '.join(silent)} leads here, and their responses are not read.",
                path="Typeform.catch_up",
                cure="Call register_webhook(), or set catch_up=True.",
            )
        return f"{len(forms)} forms" + (f"; without a webhook that leads here: {', '.join(silent)}" if silent else "")

    def _has_webhook(self, form: str) -> bool:
        try:
            found = self._http.get(f"/forms/{form}/webhooks/{TAG}")
        except Rejected as error:
            if error.status != 404:
                raise
            return False
        return bool(found.get("enabled")) and found.get("url") == self._webhook_url

    # -- out

    def link(self, invitation: Invitation) -> str:
        """The form, with hidden fields behind ``#``, where no server's log sees them."""
        hidden = {self.hidden_field: invitation.token, "language": invitation.language}
        return f"{self.form_url}/to/{self._form_of(invitation)}#{urlencode(hidden)}"

    def _form_of(self, invitation: Invitation) -> str:
        found = self.forms.get(invitation.survey)
        if found is None:
            raise ConfigurationError(
                f"The survey {invitation.survey} has no form.", path="Typeform.forms", cure="Give its id."
            )
        return found if isinstance(found, str) else found.get(invitation.language) or next(iter(found.values()))

    # -- in

    def verify(self, request: Request, now: datetime) -> None:
        """Checks Typeform-Signature; Typeform signs no time, so that what is repeated is known by its response.

        https://www.typeform.com/developers/webhooks/secure-your-webhooks/
        """
        verify_hmac(request, header="Typeform-Signature", key=self.webhook_secret, encoding="base64", prefix="sha256=")

    def samples(self, url: str, now: datetime) -> Mapping[str, Request]:
        """A grade for an invitation that nobody was sent."""
        return sample_responses(url, self._all_forms()[0], self.hidden_field, self.webhook_secret, now)

    def parse(self, raw: Raw) -> Iterator[Response]:
        """One response, of a webhook or of the API; nothing for one that no invitation led to."""
        with raw.reading() as event:
            kind = event.get("event_type", COMPLETED)
            if kind not in (COMPLETED, PARTIAL):
                return
            response = event.get("form_response", event)
            token, invitation = response["token"], (response.get("hidden") or {}).get(self.hidden_field)
            if not invitation:
                self._log.warning("response_without_invitation", form=response.get("form_id"), response=token)
                return
            answers, contact = Wording(self.questions, self.grades).read(response.get("answers") or ())
            yield Response(
                # the same over webhook and API; a part is a part of its own
                key=token if kind == COMPLETED else f"{token}:{event['event_id']}",
                at=response.get("submitted_at") or response["landed_at"],
                invitation=invitation,
                answers=answers,
                contact=contact,
            )

    def sources(self) -> Mapping[str, Reader]:
        """The responses to each form."""
        return {f"responses_{form}": partial(self._read, form) for form in self._all_forms()} if self.catch_up else {}

    def _read(self, form: str, cursor: str | None, stop: Stop) -> Iterator[Page]:
        return read_responses(self._http, form, self._clock.now(), cursor, stop)

    def _all_forms(self) -> list[str]:
        nested = [[forms] if isinstance(forms, str) else forms.values() for forms in self.forms.values()]
        return list(dict.fromkeys(form for forms in nested for form in forms))

    # -- the webhooks at Typeform

    def register_webhook(self, *, partial_responses: bool = False) -> None:
        """Tells Typeform our address and secret for each form, as often as one likes.

        Raises ConfigurationError where a form has no hidden field for the invitation: its answers would be nobody's.
        https://www.typeform.com/developers/webhooks/reference/create-or-update-webhook/
        """
        wanted = {
            "url": self._webhook_url,
            "enabled": True,
            "verify_ssl": True,
            "secret": self.webhook_secret.reveal(),
            "event_types": {COMPLETED: True, PARTIAL: partial_responses},
        }
        for form in self._all_forms():
            self._demand_hidden_field(form)
            self._http.put(f"/forms/{form}/webhooks/{TAG}", json=wanted)

    def _demand_hidden_field(self, form: str) -> None:
        if self.hidden_field not in (self._form(form).get("hidden") or ()):
            raise ConfigurationError(
                f"The form {form} has no hidden field {self.hidden_field}.",
                path="Typeform.hidden_field",
                cure="Add it to the form, and publish the form.",
            )

    def _form(self, form: str) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = self._http.get(f"/forms/{form}")
        except Rejected as error:
            if error.status != 404:
                raise
            raise ConfigurationError(
                f"Typeform has no form {form} that the token may see.",
                path="Typeform.forms",
                cure="Take the id from the form's address, and a token of its account.",
            ) from None
        return found
