"""An OAuth 2 application as its plugin declares it, and what a provider granted to it (RFC 6749, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, Self
from urllib.parse import urlencode, urlsplit

from pydantic import Field, field_validator, model_validator

from cxsdk.domain.secret import Secret
from cxsdk.domain.settings import Settings
from cxsdk.domain.values import Moment, Value
from cxsdk.errors import AuthenticationError

#: A token is renewed so long before its end, or a tenth of its life where that is shorter.
EARLY = timedelta(minutes=5)
#: Fields of a token answer that have a place of their own; all others are the provider's.
_OWN = frozenset({"access_token", "refresh_token", "expires_in", "token_type"})
#: What a redirect brings besides what the provider has to tell.
_OF_THE_REDIRECT = frozenset({"code", "state"})
_HOST = re.compile(r"[a-z0-9.-]+")
_LOOPBACK = frozenset({"127.0.0.1", "localhost"})


class OAuth(Settings):
    """An application registered at a provider, and how the provider departs from the usual.

    ``token_url``, and the address given to ``context.http``, may hold ``{fields}`` of what was granted, for providers
    that tell only then where an account lives: ``https://{referer}/api/v4``, or just ``{client_endpoint}``.
    """

    #: The application's id at the provider.
    client_id: str
    #: The application's secret; none for a public client.
    client_secret: Secret | None = None
    #: Where a person is asked for the grant.
    authorize_url: str
    #: Where a code and a refresh token are exchanged for an access token.
    token_url: str
    #: What the application may do, in the provider's words.
    scopes: tuple[str, ...] = ()
    #: How the token endpoint is asked: by a POST with a form, a POST with JSON, or a GET with all of it in the query.
    asked_by: Literal["form", "json", "query"] = "form"
    #: Where id and secret stand when it is asked: with the other parameters, or in the Authorization header.
    client_in: Literal["body", "basic"] = "body"
    #: Whether the code is bound to us by a proof key (RFC 7636); providers that do not know it ignore it.
    pkce: bool = True
    #: Further parameters of the address where a person is asked.
    authorize_params: Mapping[str, str] = Field(default_factory=dict)
    #: The word before the access token in the Authorization header.
    scheme: str = "Bearer"
    #: The parameter that carries the access token, where the provider takes it there and not in a header: it is put
    #: into the JSON body of a request that has one, else into the query.
    parameter: str = ""
    #: The hosts to which ``{fields}`` may lead, with all below them: secrets go nowhere else.
    hosts: tuple[str, ...] = ()
    #: The provider's codes that say that a refresh token is good no more, wherever they stand in its answer.
    over: tuple[str, ...] = ("invalid_grant",)

    @field_validator("authorize_url", "token_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if not url.startswith(("https://", "http://")):
            raise ValueError("must be an address: https://…")
        return url

    @model_validator(mode="after")
    def _leads_somewhere_known(self) -> Self:
        if "{" in self.token_url and not self.hosts:
            raise ValueError('its token_url has fields: say in hosts=("example.com",) where they may lead')
        return self

    def authorize_at(self, redirect_uri: str, state: str, verifier: str) -> str:
        """The address at which a person is asked for the grant."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.scopes),
            "state": state,
            **(_challenge(verifier) if self.pkce else {}),
            **self.authorize_params,
        }
        between = "&" if "?" in self.authorize_url else "?"
        return self.authorize_url + between + urlencode({name: value for name, value in asked.items() if value})

    def filled(self, url: str, fields: Mapping[str, Any]) -> str:
        """An address with its ``{fields}`` filled in.

        Raises AuthenticationError where the provider did not tell one, or where they lead to a host that is not ours.
        """
        if "{" not in url:
            return url
        try:
            whole = url.format_map(fields)
        except (KeyError, IndexError, AttributeError, ValueError) as error:
            raise AuthenticationError(
                f"The provider did not tell {error} when the account was connected. Connect it again, or report this "
                "to the plugin's author.",
                code="oauth_field_missing",
            ) from None
        if not self._may_go_to(whole):
            raise AuthenticationError(
                "What the provider told when the account was connected leads to a host that its plugin does not know. "
                "Connect it again, and report this to the plugin's author if that does not help.",
                code="oauth_host_unknown",
            )
        return whole

    def _may_go_to(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        host, ours = (parts.hostname or "").lower(), [own.lower().strip(".") for own in self.hosts]
        known = any(host == own or host.endswith(f".{own}") for own in ours)
        is_private = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
        return known and is_private and _HOST.fullmatch(host) is not None and parts.username is None


class Grant(Value):
    """What a provider granted: an access token, what renews it, and what else it told."""

    access_token: Secret
    refresh_token: Secret | None = None
    #: When the access token was asked for, and when it ends; None where the provider does not say.
    asked_at: Moment
    expires_at: Moment | None = None
    #: What the redirect and the answers told besides tokens, latest first: domains, ids, scopes.
    fields: Mapping[str, Any] = Field(default_factory=dict, repr=False)
    #: The address to which the person was sent back; some providers ask for it again with each renewal.
    redirect_uri: str = ""

    @property
    def renew_at(self) -> datetime | None:
        """When the access token is to be renewed, well before its end."""
        if self.expires_at is None:
            return None
        return self.expires_at - min(EARLY, (self.expires_at - self.asked_at) / 10)

    @classmethod
    def of(cls, answer: Mapping[str, Any], asked_at: datetime, **known: Any) -> Self:
        """The grant that an answer of the token endpoint brings. ``asked_at`` is from before it was asked."""
        lifetime = _seconds(answer.get("expires_in"))
        return cls(
            access_token=Secret(answer["access_token"]),
            refresh_token=_secret(answer.get("refresh_token")) or known.get("refresh_token"),
            asked_at=asked_at,
            expires_at=asked_at + timedelta(seconds=lifetime) if lifetime else None,
            fields={**known.get("fields", {}), **{name: told for name, told in answer.items() if name not in _OWN}},
            redirect_uri=known.get("redirect_uri", ""),
        )

    def renewed(self, answer: Mapping[str, Any], asked_at: datetime) -> Grant:
        """The grant after a renewal. A provider that sends no new refresh token keeps the old one."""
        known = {"fields": self.fields, "refresh_token": self.refresh_token, "redirect_uri": self.redirect_uri}
        return Grant.of(answer, asked_at, **known)

    def secrets(self) -> set[str]:
        """Both tokens."""
        return {token.reveal() for token in (self.access_token, self.refresh_token) if token is not None}

    def kept(self) -> dict[str, Any]:
        """All of it, secrets too: for whoever encrypts it."""
        plain = self.model_dump(mode="json", exclude={"access_token", "refresh_token"})
        refresh = self.refresh_token.reveal() if self.refresh_token else None
        return {**plain, "access_token": self.access_token.reveal(), "refresh_token": refresh}

    @classmethod
    def from_kept(cls, kept: Mapping[str, Any]) -> Self:
        """The same, read back."""
        tokens = {name: _secret(kept.get(name)) for name in ("access_token", "refresh_token")}
        return cls.model_validate({**kept, **tokens})


def told_by(parameters: Mapping[str, str]) -> dict[str, str]:
    """What a redirect tells besides the code: some providers name the account there."""
    return {name: value for name, value in parameters.items() if name not in _OF_THE_REDIRECT}


def _challenge(verifier: str) -> dict[str, str]:
    digest = hashlib.sha256(verifier.encode()).digest()
    return {
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }


def _seconds(told: Any) -> float:
    """A lifetime; 0 where none, or nothing sensible, was told. Nobody plans further ahead than a year."""
    try:
        seconds = float(told)
    except (TypeError, ValueError):
        return 0.0
    return min(seconds, 31_536_000.0) if seconds > 0 else 0.0


def _secret(told: Any) -> Secret | None:
    return Secret(told) if isinstance(told, str) and told else None
