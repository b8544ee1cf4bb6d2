"""Stand-ins: a provider as far as a plugin meets it, in memory, that fails when it is told to."""

from __future__ import annotations

import json as json_
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import mock

from cxsdk.testing.sent import SentRequest

if TYPE_CHECKING:
    from requests import PreparedRequest, Response


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: a status with JSON, or with the bytes of ``body``."""

    status: int = 200
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    #: Of a limit: after how many seconds it says that we may come back; None where it does not say.
    wait: float | None = None

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        return self.body if self.body is not None else b"" if self.json is None else json_.dumps(self.json).encode()


class Fault(StrEnum):
    """What may go wrong at a provider, or on the way to it."""

    LIMIT = "limit"  #: the account is over a limit
    UNAUTHORIZED = "unauthorized"  #: the credentials are not accepted
    DOWN = "down"  #: it answers with an error of its own, and has done nothing
    UNREACHABLE = "unreachable"  #: no connection comes about
    LOST = "lost"  #: it does what it is asked to, and the connection is cut before the answer
    GARBLED = "garbled"  #: it does what it is asked to, and a proxy's page comes instead of the answer


class StandInFailed(Exception):
    """The stand-in itself has a mistake: see the error before this one."""


class CannotPlay(Exception):
    """A stand-in does not know how to fail like that; a test that needs it is skipped."""


class StandIn:
    """A provider in memory. Subclass it, or HttpStandIn, with what your plugin needs of the provider.

    An object lives for one test. ``records`` is what somebody at the provider would see.
    """

    #: What it told besides tokens when it granted access by OAuth: domains, ids.
    granted: ClassVar[Mapping[str, Any]] = {}

    def start(self) -> None:
        """Called before the plugin is opened."""

    def stop(self) -> None:
        """Called after the plugin was closed."""

    def records(self) -> Mapping[str, Any] | Iterable[tuple[str, Any]]:
        """All that was made here, by the ids that the provider gave: people, entries, tasks, messages."""
        raise NotImplementedError(f"{type(self).__name__}.records() must give what was made there, by its id.")

    def refuse(self, text: str) -> None:
        """From now on, whatever is written with this text in it is refused, and nothing else."""
        raise CannotPlay("refuse a single record")

    def suffer(self, fault: Fault, answer: Answer | None = None, *, after: int = 0) -> None:
        """From now on, after so many requests that it still answers well, this happens to all of them."""
        raise CannotPlay(fault.value)

    def happen(self) -> None:
        """Lets happen what the plugin's sources bring, one or two of each, unless a CRM's tasks are all of it."""

    def complete(self, task_id: str) -> Any:
        """Somebody marks a task as done; returns the webhook's payload that tells of it, or None where it is read."""
        raise CannotPlay("complete a task")

    def delivery(self, message_id: str) -> Any:
        """The payload in which the provider tells that this message was delivered."""
        raise CannotPlay("tell of a delivery")

    def tap(self, message_id: str, data: str) -> Any:
        """The payload in which the provider tells that the button with this data was tapped."""
        raise CannotPlay("tap a button")

    def respond(self, link: str) -> Any:
        """The payload in which the provider tells that somebody opened this survey link and answered."""
        raise CannotPlay("answer a survey")


class HttpStandIn(StandIn):
    """A provider behind HTTP, whatever its address: ``responses`` brings every request to ``answer``.

    The class attributes are the provider's own words for what goes wrong; what HTTP says itself need not be given.
    """

    #: How the provider says that a limit is hit, each with the seconds to wait where it tells them: 503 with a code,
    #: 403 with a code, an error in a 200. Status 429 with Retry-After is tried with every plugin.
    limits: ClassVar[Sequence[Answer]] = ()
    #: How it says that credentials are wrong.
    unauthorized: ClassVar[Answer] = Answer(401, {"message": "the credentials are not known"})
    #: How it refuses a record.
    refused: ClassVar[Answer] = Answer(422, {"message": "this record is not valid"})
    #: How it says that it is down.
    down: ClassVar[Answer] = Answer(500, body=b"<html>Internal Server Error</html>")

    _fault: tuple[Fault, Answer, int] | None = None
    _refused_text: str = ""
    _mock: Any = None
    _proxies: Any = None
    _log: list[tuple[SentRequest, str]]

    def answer(self, request: SentRequest) -> Answer | int | Any:
        """What the provider answers when all is well: JSON, a status alone, or an Answer."""
        raise NotImplementedError(f"{type(self).__name__}.answer(request) must answer as the provider does.")

    def refusal(self, request: SentRequest, text: str) -> Answer | None:
        """The answer that refuses a record with this text; None where the request does not write it.

        Override it where the provider refuses one record of several and takes the others.
        """
        return self.refused if request.method != "GET" and text.encode() in request.body else None

    @property
    def requests(self) -> list[SentRequest]:
        """The requests so far."""
        return [request for request, _ in self._log]

    def told(self) -> str:
        """The last requests and what was answered, without secrets."""
        return "\n".join(f"    {request} -> {answered}" for request, answered in self._log[-6:])

    def answer_to(self, prepared: PreparedRequest) -> Response:
        """What comes back for one request, without taking all others; it is not kept among ``requests``."""
        import requests as library

        answer = self._well(SentRequest.of(prepared))
        response = library.Response()
        response.status_code, response._content = answer.status, answer.content  # noqa: SLF001 - as adapters do
        response.url, response.request = str(prepared.url), prepared
        response.headers.update(_headers(answer))
        return response

    def start(self) -> None:
        """Takes all requests that are made with ``requests`` from now on."""
        import responses

        self._log = []
        self._mock = responses.RequestsMock(assert_all_requests_are_fired=False)
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            self._mock.add_callback(method, re.compile(".*", re.DOTALL), callback=self._serve, content_type=None)
        self._mock.start()
        self._proxies = mock.patch("requests.sessions.get_environ_proxies", return_value={})  # nothing lies between
        self._proxies.start()

    def stop(self) -> None:
        """Lets requests go where they went before."""
        self._proxies.stop()
        self._mock.stop(allow_assert=False)

    def refuse(self, text: str) -> None:
        """From now on, a write with this text in its body gets ``refused``; see ``refusal``."""
        self._refused_text = text

    def suffer(self, fault: Fault, answer: Answer | None = None, *, after: int = 0) -> None:
        """From now on, after so many requests, this happens; ``answer`` instead of the class's own."""
        usual = {Fault.UNAUTHORIZED: self.unauthorized, Fault.DOWN: self.down}
        self._fault = (fault, answer or usual.get(fault, _PAGE), len(self._log) + after)

    def _serve(self, prepared: PreparedRequest) -> Any:
        request = SentRequest.of(prepared)
        answer = self._answer(request)
        self._log.append((request, answer.__class__.__name__ if isinstance(answer, Exception) else _shown(answer)))
        return answer if isinstance(answer, Exception) else (answer.status, _headers(answer), answer.content)

    def _answer(self, request: SentRequest) -> Answer | Exception:
        import requests as library

        fault, instead, begins = self._fault or (None, _PAGE, 0)
        if fault is None or len(self._log) < begins:
            return self._well(request)
        if fault is Fault.UNREACHABLE:
            return library.ConnectTimeout("connection refused")
        if fault in (Fault.LOST, Fault.GARBLED):
            self._well(request)
            return library.ConnectionError("connection reset by peer") if fault is Fault.LOST else instead
        return instead

    def _well(self, request: SentRequest) -> Answer:
        if self._refused_text and (refusal := self.refusal(request, self._refused_text)) is not None:
            return refusal
        try:
            answer = self.answer(request)
        except Exception as error:
            who = f"{type(self).__name__}.answer"
            raise StandInFailed(f"{who} failed on {request}: {error!r}. Correct the stand-in.") from error
        if isinstance(answer, Answer):
            return answer
        is_status = isinstance(answer, int) and not isinstance(answer, bool)
        return Answer(answer) if is_status else Answer(json=answer)


#: What a proxy shows when the service behind it gave nothing.
_PAGE = Answer(200, body=b"<html>please wait</html>", headers={"Content-Type": "text/html"})


def _headers(answer: Answer) -> dict[str, str]:
    return {"Content-Type": "application/json", **answer.headers}


def _shown(answer: Answer) -> str:
    from cxsdk.observe.redaction import redact

    return redact(f"{answer.status} {answer.content[:300].decode('utf-8', 'replace')}")
