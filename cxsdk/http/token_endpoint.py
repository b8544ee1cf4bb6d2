"""A provider's token endpoint (RFC 6749, sections 4.1.3, 5 and 6): what is asked there, and what its answers mean.

Nothing of the account's own work happened while it was asked. So whatever goes wrong is either Transient, to be tried
again later, or an AuthenticationError for which an operator is needed; never OutcomeUnknown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import requests

from cxsdk.domain.clock import Clock
from cxsdk.domain.oauth import Grant, OAuth
from cxsdk.errors import AuthenticationError, ProviderError, Transient
from cxsdk.http import wire
from cxsdk.http.session import Carry, Session, Told
from cxsdk.observe import register

if TYPE_CHECKING:
    from cxsdk.capabilities.plugin import Plugin

#: The codes of an account that must be connected again, and of an application that the provider does not accept.
RECONNECT, REFUSED = "reconnect_needed", "oauth_refused"


class TokenEndpoint:
    """Exchanges a code, and renews a grant, for one account. It keeps nothing."""

    def __init__(
        self,
        plugin: Plugin,
        oauth: OAuth,
        clock: Clock,
        told: Told | None = None,
        carry: Carry = wire.exchange,
    ) -> None:
        self._plugin = plugin
        self._oauth = oauth
        self._clock = clock
        self._told = told
        self._carry = carry

    def exchange(
        self, code: str, *, redirect_uri: str, verifier: str, fields: Mapping[str, Any], asked_at: datetime
    ) -> Grant:
        """The grant for a code that the provider sent back with ``fields``. Raises AuthenticationError or Transient."""
        register(code, verifier)
        parameters = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        proof = {"code_verifier": verifier} if self._oauth.pkce else {}
        try:
            answer = self._ask({**parameters, **proof}, fields)
        except AuthenticationError as error:
            raise _code_refused(self._plugin.name, error) if error.code == RECONNECT else error from None
        return Grant.of(answer, asked_at, fields=fields, redirect_uri=redirect_uri)

    def renew(self, grant: Grant, asked_at: datetime) -> Grant:
        """The grant with a new access token. Raises AuthenticationError or Transient."""
        if grant.refresh_token is None:
            raise AuthenticationError(
                f"{self._plugin.name}: its access has ended, and the provider gave nothing to renew it with. "
                f"{reconnect(self._plugin.name)}",
                code="reconnect_needed",
            )
        parameters = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token.reveal()}
        redirected = {"redirect_uri": grant.redirect_uri} if grant.redirect_uri else {}
        return grant.renewed(self._ask({**parameters, **redirected}, grant.fields), asked_at)

    def secrets_of(self, grant: Grant) -> set[str]:
        """The secrets of a grant, in every way that they are written."""
        header = f"{self._oauth.scheme} {grant.access_token.reveal()}"
        return {header, *grant.secrets()}

    def _ask(self, parameters: Mapping[str, str], fields: Mapping[str, Any]) -> Mapping[str, Any]:
        url = self._oauth.filled(self._oauth.token_url, fields)
        http = self._session(url)
        try:
            answer = self._call(http, url, {**parameters, **self._client()})
        except Transient:
            raise
        except AuthenticationError as error:
            raise error if error.code in (RECONNECT, REFUSED) else _needs_somebody(self._plugin.name, error) from None
        except ProviderError as error:
            raise _needs_somebody(self._plugin.name, error) if _is_refusal(error) else _later(error) from None
        finally:
            http.close()
        return answer  # type: ignore[no-any-return]

    def _call(self, http: Session, url: str, parameters: Mapping[str, str]) -> Any:
        if self._oauth.asked_by == "query":
            return http.get(url, params=parameters, reads=False)  # it may change the refresh token
        return http.post(url, json=parameters) if self._oauth.asked_by == "json" else http.post(url, data=parameters)

    def _client(self) -> dict[str, str]:
        secret = self._oauth.client_secret
        if self._oauth.client_in == "basic" and secret is not None:
            return {}
        return {"client_id": self._oauth.client_id, **({"client_secret": secret.reveal()} if secret else {})}

    def _session(self, url: str) -> Session:
        secret = self._oauth.client_secret
        is_basic = self._oauth.client_in == "basic" and secret is not None
        return Session(
            url,
            account=self._plugin.name,
            basic=(self._oauth.client_id, secret) if is_basic and secret else None,
            classify=self._classify,
            deadline_s=self._plugin.deadline_s,
            clock=self._clock,
            told=self._told,
            carry=self._carry,
        )

    def _classify(self, response: requests.Response) -> Exception | None:
        answer = _answer(response)
        if response.ok and isinstance(answer.get("access_token"), str) and answer["access_token"]:
            return None
        if any(told in self._oauth.over for told in answer.values() if isinstance(told, str)):
            return AuthenticationError(
                f"{self._plugin.name}: the provider has ended our access. {reconnect(self._plugin.name)}",
                code="reconnect_needed",
            )
        theirs = self._plugin.classify(response)  # a limit may look like anything
        if isinstance(theirs, Transient):
            return theirs
        return _without_token(self._plugin.name, answer) if response.ok else None


def reconnect(account: str) -> str:
    """The cure for an account whose grant is over."""
    return f"Run: cxsdk connect {account} APP"


def _answer(response: requests.Response) -> dict[str, Any]:
    try:
        answer = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _code_refused(account: str, error: AuthenticationError) -> AuthenticationError:
    return AuthenticationError(
        f"{account}: the provider does not take its own code. It is good once, for a short time, and for the address "
        f"that was registered (--redirect-uri). {reconnect(account)}",
        status=error.status,
        provider_code=error.provider_code,
        body=error.body,
        code="oauth_code_refused",
    )


def _without_token(account: str, answer: Mapping[str, Any]) -> ProviderError:
    if not answer:  # a proxy's page, a body cut off
        return Transient(f"{account}: the answer of the token endpoint cannot be read. It is asked again later.")
    return AuthenticationError(
        f"{account}: the token endpoint answered without a token. Check the application's id, secret and state at the "
        f"provider. If that does not help: {reconnect(account)}",
        code="oauth_refused",
    )


def _is_refusal(error: ProviderError) -> bool:
    return error.status is not None and 300 <= error.status < 500


def _needs_somebody(account: str, error: ProviderError) -> AuthenticationError:
    """A refusal that does not say that the grant is over: the application may be wrong, unpaid or blocked."""
    return AuthenticationError(
        f"{account}: the provider gives us no token. Check the application's id, secret and state there. If that does "
        f"not help: {reconnect(account)} ({error})",
        status=error.status,
        provider_code=error.provider_code,
        request_id=error.request_id,
        body=error.body,
        code="oauth_refused",
    )


def _later(error: ProviderError) -> Transient:
    """Whatever became of it there, nothing of ours was asked for: the next try tells."""
    return Transient(
        f"No new token yet: {error}", status=error.status, provider_code=error.provider_code, body=error.body
    )
