"""Every error of cxsdk, and what to do about each.

    CxsdkError
    ├── ConfigurationError    a setting is wrong: correct it, start again
    ├── BadInput              what came in from outside is malformed: the sender must correct it
    ├── SignatureError        do not trust this request
    ├── StoreUnavailable      the database does not answer: the sender tries again later
    ├── AuthenticationError   the provider does not accept our credentials: an operator must reconnect
    ├── Rejected              the provider refuses this very record: give up on it, go on with the rest
    │   └── PersonGone        only because the CRM has its person no more: look them up again
    ├── Unsupported           the provider cannot do this: do not ask again
    ├── Transient             it did not happen, try later
    │   └── RateLimited       the account is over a limit: everything for it waits
    ├── OutcomeUnknown        it may have happened: look before you repeat it
    └── PluginBug             a plugin broke its contract: report it to its author

The class says what to do; ``code`` is stable and listed in docs/errors.md; the message names the cure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import ValidationError


class CxsdkError(Exception):
    """The root of all errors that cxsdk raises on purpose."""

    #: Stable identifier of the kind of mistake, for logs, docs and tests.
    code: str = "error"

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        super().__init__(message or type(self).__doc__ or type(self).__name__)
        if code is not None:
            self.code = code


class Mistake(NamedTuple):
    """One thing that is wrong with settings: pydantic's name of its kind, its place and words; and its own cure."""

    kind: str
    place: tuple[str, ...]
    said: str
    cure: str = ""


class ConfigurationError(CxsdkError):
    """A setting is wrong. ``path`` names the field, ``cure`` says how to mend it; neither holds its value."""

    code = "configuration_invalid"

    def __init__(self, message: str, *, path: str = "", cure: str = "", code: str | None = None) -> None:
        self.message = message
        self.path = path
        self.cure = cure
        where = f"{path}: " if path else ""
        super().__init__(f"{where}{message}" + (f" {cure}" if cure else ""), code=code)

    @classmethod
    def from_mistakes(cls, model: str, mistakes: Sequence[Mistake]) -> ConfigurationError:
        """Tells what is wrong with a model's settings: the first mistake with its cure, and where the others are."""
        first, *others = mistakes
        code, usual = _SETTING_CURES.get(first.kind, ("setting_invalid", "Correct this setting."))
        more = "".join(f" Also {'.'.join([model, *one.place])}: {_ended(one.said)}" for one in others)
        path = ".".join([model, *first.place])
        return cls(_ended(first.said), path=path, cure=(first.cure or usual) + more, code=code)


def _ended(said: str) -> str:
    return said if said.endswith((".", "?")) else f"{said}."


_SETTING_CURES = {
    "missing": ("setting_missing", "Give this setting."),
    "extra_forbidden": ("setting_unknown", "Remove it."),
    "secret_plain": (
        "secret_plain",
        'Use Secret.env("NAME") or Secret.file("path"), so that no secret stands in code.',
    ),
    "plugin_incompatible": (
        "plugin_incompatible",
        "Install a version of the plugin that fits, or another version of cxsdk.",
    ),
    "secret_missing": ("secret_missing", "Set the variable or create the file that it names."),
}


class BadInput(CxsdkError):
    """What came in is malformed. ``field`` is the path to the culprit (``body.at``), or empty for the whole."""

    code = "bad_input"

    def __init__(self, message: str, *, field: str = "", code: str | None = None) -> None:
        self.field = field
        super().__init__(message, code=code)

    @classmethod
    def from_validation(cls, error: ValidationError, root: str = "body") -> BadInput:
        """Tells the first problem of a pydantic ValidationError with the path to its field, without the value."""
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        path = ".".join([root, *(str(part) for part in first["loc"])])
        return cls(first["msg"].removeprefix("Value error, "), field=path)


class SignatureError(CxsdkError):
    """The request is not proven to come from the provider. Check the signing secret on both sides."""

    code = "signature_invalid"


class StoreUnavailable(CxsdkError):
    """The database does not answer. Nothing was stored; send it again after ``retry_after`` seconds."""

    code = "store_unavailable"

    def __init__(self, message: str = "", *, retry_after: float = 5.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class ProviderError(CxsdkError):
    """What a provider answered, with what a person needs to follow it up there; bodies are redacted.

    ``status`` is the HTTP status, ``provider_code`` the provider's own code and ``request_id`` the id that its
    support asks for, each where there is one.
    """

    code = "provider_error"

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        provider_code: str | None = None,
        request_id: str | None = None,
        body: str | None = None,
        code: str | None = None,
    ) -> None:
        self.status = status
        self.provider_code = provider_code
        self.request_id = request_id
        self.body = body
        super().__init__(message, code=code)


class AuthenticationError(ProviderError):
    """The provider does not accept our credentials. Renew them and restart, or reconnect the account."""

    code = "authentication_failed"


class Rejected(ProviderError):
    """The provider refuses this very record and would refuse it again. It is set aside with this reason."""

    code = "rejected"


class PersonGone(Rejected):
    """The CRM has the person of this record no more: merged, converted, or deleted. They are looked up again."""

    code = "person_gone"


class Unsupported(ProviderError):
    """The provider, or its plugin, cannot do this."""

    code = "unsupported"


class Transient(ProviderError):
    """It did not happen and may succeed later; ``retry_after`` is in seconds where the provider said so."""

    code = "transient"

    def __init__(self, message: str = "", *, retry_after: float | None = None, **details: Any) -> None:
        self.retry_after = retry_after
        super().__init__(message, **details)


class RateLimited(Transient):
    """The account is over one of its limits; nothing is called for it before ``retry_after`` seconds are over."""

    code = "rate_limited"


class OutcomeUnknown(ProviderError):
    """The call may have happened: its answer was lost, late or unreadable. Look before you repeat it."""

    code = "outcome_unknown"


class PluginBug(CxsdkError):
    """A plugin broke its contract. Report it to the plugin's author with this message."""

    code = "plugin_bug"


def all_errors() -> Iterable[type[CxsdkError]]:
    """Each error class once, parents first; docs and tests list the codes from here."""
    found: list[type[CxsdkError]] = [CxsdkError]
    for cls in found:
        found.extend(sub for sub in cls.__subclasses__() if sub not in found)
    return found
