"""The HTTP session of one account: what a plugin gets from ``context.http(...)``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from json import JSONDecodeError
from threading import Lock, local
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

import requests
from urllib3.exceptions import HTTPError

from cxsdk.domain.clock import Clock, SystemClock, stopwatch
from cxsdk.domain.raw import read_json
from cxsdk.domain.secret import Secret
from cxsdk.errors import BadInput, ProviderError
from cxsdk.http import wire
from cxsdk.http.call import Call, Credentials, Origin, authorization
from cxsdk.http.checks import check_base_url, check_headers
from cxsdk.http.deadline import ends_at
from cxsdk.http.details import complete
from cxsdk.http.meaning import meaning, unanswered, unreadable
from cxsdk.http.repeat import repeating
from cxsdk.observe import count, logger, redact, register_secrets
from cxsdk.observe.crashing import calling

if TYPE_CHECKING:
    from cxsdk.capabilities.plugin import Plugin

#: How long a read waits for the next bytes before it is tried again.
READ_S = 10.0
#: How many redirects are followed.
REDIRECTS = 5

T = TypeVar("T")
Read = Callable[[requests.Response], Any]
Classify = Callable[[requests.Response], Exception | None]
Told = Callable[[requests.Response | None, Exception | None], None]
Watch = Callable[[requests.PreparedRequest], None]
#: Takes a request where it goes, and brings the answer; see ``wire.exchange``.
Carry = Callable[[wire.PacedSession, requests.PreparedRequest, wire.Exchange], requests.Response]

_log = logger("cxsdk.http")


class Session:
    """Implements the ``Http`` protocol on requests, for any number of threads.

    Each call ends within ``deadline_s`` seconds, and within the ``deadline`` around it. ``classify`` is asked first
    what an answer means; ``told`` hears of each answer and error, ``watch`` sees each request, ``carry`` may bring the
    answer from elsewhere than the network. Secrets go to the host of ``base_url`` alone, and no error or log shows
    them; ``secrets`` names those that stand elsewhere, as in the path of ``base_url``.
    """

    def __init__(
        self,
        base_url: str,
        *,
        account: str = "",
        bearer: Secret | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        basic: tuple[str, Secret] | None = None,
        classify: Classify | None = None,
        deadline_s: float = 20.0,
        clock: Clock | None = None,
        secrets: Iterable[Secret] = (),
        told: Told | None = None,
        watch: Watch | None = None,
        carry: Carry = wire.exchange,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = check_base_url(base_url).rstrip("/")
        self._home = Origin(base_url)
        self._headers = {**(headers or {}), **authorization(bearer, basic)}
        register_secrets([*secrets, bearer, basic, *self._headers.values()])
        check_headers(self._headers)
        self._account = account
        self._classify = classify
        self._deadline_s = deadline_s
        self._clock = clock or SystemClock()
        self._told = told
        self._watch = watch
        self._carry = carry
        self._sleep = sleep
        self._local = local()
        self._lock = Lock()
        self._opened: WeakSet[requests.Session] = WeakSet()

    @classmethod
    def of(cls, plugin: Plugin, base_url: str, **options: Any) -> Session:
        """The session of an account, with its name, deadline and classification; its secrets are shown nowhere."""
        register_secrets(plugin)
        return cls(base_url, account=plugin.name, classify=plugin.classify, deadline_s=plugin.deadline_s, **options)

    def __repr__(self) -> str:
        return f"Session({redact(self._base_url)!r}, account={self._account!r})"

    def get(self, path: str, *, params: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Reads, and returns the answer's JSON."""
        return self._run(Call("GET", self._url(path), params=params, **options), _json)

    def post(self, path: str, *, json: Any = None, **options: Any) -> Any:
        """Makes or does something. ``reads=True`` says that it only reads, as many searches do."""
        return self._run(Call("POST", self._url(path), json=json, **options), _json)

    def put(self, path: str, *, json: Any = None, **options: Any) -> Any:
        """Replaces."""
        return self._run(Call("PUT", self._url(path), json=json, **options), _json)

    def patch(self, path: str, *, json: Any = None, **options: Any) -> Any:
        """Changes."""
        return self._run(Call("PATCH", self._url(path), json=json, **options), _json)

    def delete(self, path: str, **options: Any) -> Any:
        """Removes."""
        return self._run(Call("DELETE", self._url(path), **options), _json)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """The whole answer, for headers and bodies that are not JSON."""
        return self._run(Call(method.upper(), self._url(path), **options), _whole)

    @property
    def granted(self) -> Mapping[str, Any]:
        """Nothing: that is for accounts that are connected by OAuth."""
        return {}

    def close(self) -> None:
        """Closes the connections of all threads."""
        with self._lock:
            opened = list(self._opened)
        for http in opened:
            http.close()

    def _url(self, path: str) -> str:
        is_whole = path.startswith(("http://", "https://"))
        return path if is_whole else f"{self._base_url}/{path.lstrip('/')}" if path else self._base_url

    def _run(self, call: Call, read: Callable[[requests.Response], T]) -> T:
        end = ends_at(self._deadline_s if call.deadline_s is None else call.deadline_s)
        value: T = repeating(end, self._sleep)(self._try, call, read, end)
        return value

    def _try(self, call: Call, read: Read, end: float) -> Any:
        answer, value, error = self._ask(call, read, end)
        self._tell(call, answer, error)
        if error is not None:
            raise error  # outside of any except block: what the libraries raised shows URLs and headers
        return value

    def _ask(self, call: Call, read: Read, end: float) -> tuple[requests.Response | None, Any, Exception | None]:
        patience = READ_S if call.is_read and call.deadline_s is None else end - stopwatch()
        limits = wire.Exchange(end, patience)
        try:
            answer = self._follow(call, limits)
        except (OSError, ValueError, HTTPError) as problem:  # every RequestException is an OSError
            return None, None, unanswered(problem, self._what(call), limits, reads=call.is_read)
        error = self._meaning(answer, call)
        if error is not None:
            return answer, None, error
        try:
            return answer, read(answer), None
        except BadInput:
            why = "its body is not the JSON asked for."
            return answer, None, unreadable(answer, self._what(call), why, reads=call.is_read)

    def _follow(self, call: Call, limits: wire.Exchange) -> requests.Response:
        answer = self._exchange(call, limits)
        for _ in range(REDIRECTS):
            onward = call.onward(answer, self._home)
            if onward is None:
                break
            call, answer = onward, self._exchange(onward, limits)
        return answer

    def _exchange(self, call: Call, limits: wire.Exchange) -> requests.Response:
        limits.begin()
        http = self._thread_session()
        own = self._headers if self._home.holds(call.url) else {}
        headers = {**own, **(call.headers or {})}
        register_secrets(list(headers.values()))
        asked = requests.Request(
            call.method,
            call.url,
            params=call.params,
            json=call.json,
            data=call.data,
            files=call.files,
            auth=Credentials(headers),
        )
        prepared = http.prepare_request(asked)
        if self._watch is not None:
            self._watch(prepared)
        with calling():
            return self._carry(http, prepared, limits)

    def _thread_session(self) -> wire.PacedSession:
        # a requests.Session is not safe to share between threads
        if not hasattr(self._local, "http"):
            self._local.http = wire.open_session()
            with self._lock:
                self._opened.add(self._local.http)
        return self._local.http  # type: ignore[no-any-return]

    def _meaning(self, answer: requests.Response, call: Call) -> Exception | None:
        error = self._plugins_meaning(answer, call)
        if isinstance(error, ProviderError):
            complete(error, answer)
        elif error is None and answer.status_code >= 300:
            error = meaning(answer, self._what(call), reads=call.is_read, now=self._clock.now())
        return error

    def _plugins_meaning(self, answer: requests.Response, call: Call) -> Exception | None:
        if self._classify is None:
            return None
        try:
            return self._classify(answer)
        except ProviderError as error:  # raised where it should be returned: it is clear enough
            return error
        except JSONDecodeError:  # it looked for JSON where there is none; requests' own error is one of these
            return None
        except Exception as problem:  # noqa: BLE001 - a plugin's code: its bug must not lose what became of a write
            _log.warning("classify_failed", account=self._account, problem=type(problem).__name__)
            # A success that its own plugin cannot read may be an error: several providers put those into a 200.
            why = f"classify failed with {type(problem).__name__}."
            return unreadable(answer, self._what(call), why, reads=call.is_read) if answer.ok else None

    def _what(self, call: Call) -> str:
        return redact(f"{self._account}: {call.what}" if self._account else call.what)

    def _tell(self, call: Call, answer: requests.Response | None, error: Exception | None) -> None:
        outcome = "ok" if error is None else getattr(error, "code", "error")
        count("http_answers", account=self._account, outcome=outcome)
        status = None if answer is None else answer.status_code
        _log.debug("http_answer", account=self._account, what=call.what, status=status, outcome=outcome)
        if self._told is not None:
            self._told(answer, error)


def _json(answer: requests.Response) -> Any:
    return read_json(answer.content) if answer.content.strip() else None


def _whole(answer: requests.Response) -> requests.Response:
    return answer
