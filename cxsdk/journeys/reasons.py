"""Why a row is where it is: the words of the error, and below them what the provider answered, as far as it matters."""

from __future__ import annotations

from traceback import walk_tb
from types import FrameType

from cxsdk.errors import CxsdkError, ProviderError
from cxsdk.observe import redact
from cxsdk.store.work import reason_of

#: Stands between why something failed and what the provider answered.
_ANSWERED = "\n— answered: "
#: So much of an error's words, and of the provider's answer, is kept with a row, in characters.
_SAID, _KEPT = 1_300, 600


def reason_for(error: Exception) -> str:
    """Why a call failed, and the beginning of the provider's answer, for whoever looks at the row later."""
    said = redact(str(error))  # before anything is cut: of half a secret, nobody would know that it is one
    answer = _answer(error) if isinstance(error, ProviderError) else ""
    return reason_of(said[:_SAID] + _ANSWERED + answer[:_KEPT] if answer else said)


def _answer(error: ProviderError) -> str:
    about = [
        str(error.status) if error.status is not None else "",
        f"code {error.provider_code}" if error.provider_code else "",
        f"request {error.request_id}" if error.request_id else "",
    ]
    head = ", ".join(filter(None, about))
    return "\n".join(filter(None, [head, redact(error.body or "")]))


def bug_in(error: Exception) -> str:
    """What a plugin failed on and, below it, where: for whoever has to mend it."""
    place = _place(error.__cause__ or error)
    said = f"{error}" if isinstance(error, CxsdkError) else f"{type(error).__name__}: {error}"
    return reason_of(redact(said)[:_SAID] + (f"\n{redact(place)}" if place else ""))


def _place(error: BaseException) -> str:
    """The last line of the plugin's own package on the way to the error: what it calls lies below, we above."""
    frames = [(frame, number) for frame, number in walk_tb(error.__traceback__) if _package(frame) != "cxsdk"]
    mine = [(frame, number) for frame, number in frames if _package(frame) == _package(frames[0][0])]
    if not mine:
        return ""
    frame, number = mine[-1]
    return f"at {frame.f_code.co_filename}:{number}, in {frame.f_code.co_name}"


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def why(reason: str) -> str:
    """The reason without the provider's answer."""
    return reason.partition(_ANSWERED)[0]


def answer_in(reason: str) -> str:
    """What the provider answered, or nothing."""
    return reason.partition(_ANSWERED)[2]
