"""How an account of HubSpot is reached, with a private app's token or over OAuth, and what an app must be allowed.

https://developers.hubspot.com/docs/api-reference/auth-oauth-v3/guide
https://developers.hubspot.com/docs/apps/legacy-apps/private-apps/overview
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from cxsdk import Context, Http, OAuth, Plugin, Rejected, Secret
from cxsdk_hubspot.failures import scope_missing

API = "https://api.hubapi.com"
#: What every app must be allowed to do for us.
SCOPES = (
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "sales-email-read",
    "crm.objects.owners.read",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
)
#: And where deals are read; and an app that is connected by OAuth.
DEAL_SCOPE, OAUTH_SCOPE = "crm.objects.deals.read", "oauth"


class Access(Plugin):
    """The settings by which HubSpot lets us in: a token, or an app that a person connects."""

    #: The access token of a private app; or else ``client_id`` and ``client_secret``, to be connected by OAuth.
    access_token: Secret | None = None
    #: The client id of an app that is connected by OAuth.
    client_id: str | None = Field(default=None, min_length=1)
    #: The app's client secret: HubSpot signs webhooks with it, and OAuth needs it.
    client_secret: Secret | None = None
    #: What a person is asked to grant by OAuth; without it, what the other settings need.
    scopes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.access_token is None) is (self.client_id is None):
            raise ValueError("give either access_token, of a private app, or client_id and client_secret, for OAuth")
        if self.client_id is not None and self.client_secret is None:
            raise ValueError("client_id needs client_secret: both stand beside each other in the app's settings")
        if self.scopes and self.client_id is None:
            raise ValueError("scopes are asked for by OAuth alone: those of a private app are chosen in HubSpot")
        return self

    @abstractmethod
    def _needed(self) -> tuple[str, ...]:
        """The scopes that the settings need."""

    def _session(self, context: Context) -> Http:
        """A session with the token, or with what a person granted."""
        if self.client_id is None:
            return context.http(API, bearer=self.access_token)
        oauth = OAuth(
            client_id=self.client_id,
            client_secret=self.client_secret,
            authorize_url="https://app.hubspot.com/oauth/authorize",
            token_url=f"{API}/oauth/v3/token",
            scopes=self.scopes or (OAUTH_SCOPE, *self._needed()),
            over=("invalid_grant", "BAD_REFRESH_TOKEN"),
        )
        return context.http(API, oauth=oauth)

    def _demand_scopes(self, http: Http) -> str:
        """Which account it is. Raises AuthenticationError where HubSpot tells the scopes, and one is missing."""
        told = _told_of_token(http, self.access_token) if self.access_token else http.granted
        held = told.get("scopes") or self._needed()
        if missing := [scope for scope in self._needed() if scope not in held]:
            raise scope_missing(missing)
        return f"account {told['hub_id']}" if told.get("hub_id") else "reached"


def _told_of_token(http: Http, token: Secret) -> Mapping[str, Any]:
    """Of a private app's token; nothing where HubSpot does not tell them of this sort of token."""
    try:
        told = http.post("oauth/v2/private-apps/get/access-token-info", json={"tokenKey": token.reveal()}, reads=True)
    except Rejected:
        return {}
    return {"hub_id": told.get("hubId"), "scopes": told.get("scopes")} if isinstance(told, dict) else {}
