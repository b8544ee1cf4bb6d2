"""What every plugin is: a frozen bag of settings with a name, opened before use and closed after."""

from __future__ import annotations

import re
from abc import ABC
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import field_validator, model_validator
from pydantic_core import PydanticCustomError

from cxsdk.domain.compatibility import misfit
from cxsdk.domain.limits import Limit, Usage
from cxsdk.domain.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import requests

    from cxsdk.capabilities.context import Context


class Plugin(Settings, ABC):
    """One configured connection to a provider: an account.

    The fields of a subclass are its settings, its class attributes say what the provider can do, and only what the
    provider can do is written: an optional method that is not overridden is unsupported.
    """

    #: Which versions of cxsdk it works with (``">=0.1,<2"``); empty: any. See [compatibility](compatibility.md).
    requires_cxsdk: ClassVar[str] = ""
    #: At most this many values are given to one call of an outward method.
    batch_size: ClassVar[int] = 1
    #: Seconds within which one call of an outward method ends, come what may. The http session keeps to it.
    deadline_s: ClassVar[float] = 20.0
    #: How long to wait before a source whose iterator ended is read again; see ``Inbound.sources``.
    poll_every: ClassVar[timedelta] = timedelta(seconds=60)
    #: The status with which a webhook is answered that was taken, without a body: 200 to 299, as the provider wants.
    webhook_status: ClassVar[int] = 202
    #: Whether it speaks to nobody beyond this machine: then ``cxsdk dev`` lets it work as it is.
    is_local: ClassVar[bool] = False

    #: The account's name: the key of its rows and the last part of its URLs. Two accounts of one plugin need two.
    name: str = ""
    #: How much of the provider may be used: ``[Limit(calls=100, per="10s")]``. A plugin sets what its provider
    #: documents, an integrator what their plan allows; see [limits](#limit).
    limits: tuple[Limit, ...] = ()

    @field_validator("limits", mode="before")
    @classmethod
    def _limits_are_a_list(cls, limits: Any) -> Any:
        if isinstance(limits, list | tuple):
            return limits
        raise ValueError('must be a list of limits: limits=[Limit(calls=100, per="10s")]')

    @model_validator(mode="before")
    @classmethod
    def _fits_this_cxsdk(cls, data: Any) -> Any:
        if wrong := misfit(cls.requires_cxsdk):
            raise PydanticCustomError("plugin_incompatible", "{wrong}", {"wrong": wrong})
        return data

    @model_validator(mode="before")
    @classmethod
    def _default_name(cls, data: Any) -> Any:
        return {"name": cls.__name__.lower(), **data} if isinstance(data, dict) else data

    @field_validator("name")
    @classmethod
    def _name_fits_a_url(cls, name: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", name):
            raise ValueError("must be 1 to 40 lower-case letters, digits, - or _, and start with a letter")
        return name

    @model_validator(mode="after")
    def _answers_with_a_success(self) -> Self:
        if type(self.webhook_status) is not int or not 200 <= self.webhook_status <= 299:
            raise ValueError(
                f"its webhook_status is {self.webhook_status!r}, which would tell the provider that nothing was taken: "
                "give 200 to 299 in the plugin's class"
            )
        return self

    def open(self, context: Context) -> None:
        """Called once in each process before the first use; keep here what you need (``self._http = ...``)."""

    def close(self) -> None:
        """Called once at the end; give back what ``open`` took."""

    def check(self) -> str:
        """Asks the provider one cheap thing that needs the credentials and changes nothing; after ``open``.

        For ``cxsdk doctor --live``. Returns in a few words whom it reached (``@sample_bot``), and raises the errors of
        ``cxsdk.errors`` like every call. Not overridden: the account cannot be checked live.
        """
        raise NotImplementedError

    def classify(self, response: requests.Response) -> Exception | None:
        """What an answer means where this provider departs from HTTP's own meaning; None where it does not.

        Return, do not raise, one of RateLimited, Transient, Rejected, AuthenticationError, OutcomeUnknown: a limit can
        be a 503 with a code, a 403 with a code, or an error inside a 200.
        """
        return None

    def usage(self, response: requests.Response) -> Iterable[Usage]:
        """What an answer tells of the account's limits, by their names: asked of every answer where there are any."""
        return ()

    def stand_in(self) -> Any:
        """What answers in place of the provider in ``cxsdk dev``: an ``HttpStandIn`` of ``cxsdk.testing``.

        Import it within this method: production does not need it. Not overridden: what the account is given there is
        shown and taken, and its own client does not run.
        """
        return None

    def pages(self) -> Callable[..., Any] | None:
        """An ASGI application of this account's own, or None.

        It is served without a sign-in under ``/accounts/{name}/`` on the private listener, 127.0.0.1.
        """
        return None

    @classmethod
    def supports(cls, method: str) -> bool:
        """Whether a subclass overrides this optional method."""
        return any(
            method in base.__dict__ for base in cls.__mro__ if not base.__module__.startswith("cxsdk.capabilities")
        )
