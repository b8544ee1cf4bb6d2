"""What answers mean, in the shapes that providers send them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, cast

import pytest
import requests
import responses

from cxsdk import (
    AuthenticationError,
    CxsdkError,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Transient,
    Unsupported,
)
from cxsdk.domain.clock import ManualClock
from cxsdk.http import Session

URL = "https://api.example.com/v1"
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


Slept = list[float]
Provider = responses.RequestsMock
Opener = Callable[..., Session]


@pytest.fixture
def slept() -> Slept:
    return []


@pytest.fixture
def session(slept: Slept) -> Opener:
    return lambda **options: Session(URL, account="acme", clock=ManualClock(NOW), sleep=slept.append, **options)


@pytest.fixture
def provider() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as provider:
        yield provider


def error_of(call: Callable[[], Any]) -> CxsdkError:
    with pytest.raises(CxsdkError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(
    ("status", "for_a_read", "for_a_write"),
    [
        (303, Rejected, OutcomeUnknown),
        (304, Rejected, Rejected),
        (400, Rejected, Rejected),
        (401, AuthenticationError, AuthenticationError),
        (402, Rejected, Rejected),
        (403, AuthenticationError, AuthenticationError),
        (404, Rejected, Rejected),
        (405, Unsupported, Unsupported),
        (407, AuthenticationError, AuthenticationError),
        (408, Transient, Transient),
        (409, Rejected, Rejected),
        (410, Rejected, Rejected),
        (413, Rejected, Rejected),
        (418, Rejected, Rejected),
        (422, Rejected, Rejected),
        (425, Transient, Transient),
        (429, RateLimited, RateLimited),
        (500, Transient, OutcomeUnknown),
        (501, Unsupported, Unsupported),
        (502, Transient, OutcomeUnknown),
        (503, Transient, OutcomeUnknown),
        (504, Transient, OutcomeUnknown),
        (507, Transient, OutcomeUnknown),
        (599, Transient, OutcomeUnknown),
    ],
)
def test_a_status_means_what_http_says(
    provider: Provider,
    session: Opener,
    status: int,
    for_a_read: type[CxsdkError],
    for_a_write: type[CxsdkError],
) -> None:
    provider.add("GET", f"{URL}/people", status=status)
    provider.add("POST", f"{URL}/people", status=status)
    read, write = (error_of(lambda verb=verb: getattr(session(), verb)("/people")) for verb in ("get", "post"))
    assert (type(read), type(write)) == (for_a_read, for_a_write)
    assert read.status == write.status == status


@pytest.mark.parametrize("status", [200, 201, 202, 204, 207])
@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete"])
def test_a_success_without_a_body_is_none(provider: Provider, session: Opener, verb: str, status: int) -> None:
    provider.add(verb.upper(), f"{URL}/people/7", status=status)
    assert getattr(session(), verb)("/people/7") is None


def test_a_success_is_its_json(provider: Provider, session: Opener) -> None:
    provider.add("PATCH", f"{URL}/people/7", json={"id": 7, "name": "Зразок"})
    assert session().patch("people/7", json={"name": "Зразок"}) == {"id": 7, "name": "Зразок"}


def test_whole_addresses_are_taken_as_they_are(provider: Provider, session: Opener) -> None:
    provider.add("GET", "https://files.example.com/next", json=[1])
    assert session().get("https://files.example.com/next") == [1]


def test_a_whole_answer_may_be_anything(provider: Provider, session: Opener) -> None:
    provider.add("GET", f"{URL}/recording", body=b"RIFF\x00\xff", headers={"Content-Type": "audio/wav"})
    assert session().request("get", "/recording").content == b"RIFF\x00\xff"


@pytest.mark.parametrize("body", [b"<html>Sign in to the network</html>", b'{"id": 1', b"\xff\xfe\xfd", b"NaN"])
def test_a_success_that_cannot_be_read_is_unknown_to_a_write_and_transient_to_a_read(
    provider: Provider, session: Opener, body: Any
) -> None:
    provider.add("POST", f"{URL}/people", body=body)
    provider.add("GET", f"{URL}/people", body=body)
    assert type(error_of(lambda: session().post("/people"))) is OutcomeUnknown
    assert type(error_of(lambda: session().get("/people"))) is Transient


def test_503_with_retry_after_says_that_a_write_did_not_happen(
    provider: Provider, session: Opener, slept: Slept
) -> None:
    provider.add("POST", f"{URL}/people", status=503, headers={"Retry-After": "120"})
    error = error_of(lambda: session().post("/people"))
    assert (type(error), error.retry_after, slept) == (Transient, 120.0, [])


@pytest.mark.parametrize(
    ("given", "seconds"), [("30", 30.0), ("Mon, 05 Jan 2026 12:00:30 GMT", 30.0), ("soon", None), ("", None)]
)
def test_a_limit_is_raised_at_once_with_its_wait(
    provider: Provider, session: Opener, slept: Slept, given: str, seconds: float | None
) -> None:
    provider.add("POST", f"{URL}/people", status=429, headers={"Retry-After": given} if given else {})
    error = error_of(lambda: session().post("/people"))
    assert (type(error), error.retry_after, slept) == (RateLimited, seconds, [])
    assert len(provider.calls) == 1


@pytest.mark.parametrize("verb", ["get", "post"])
def test_a_short_wait_is_slept_through(provider: Provider, session: Opener, slept: Slept, verb: str) -> None:
    provider.add(verb.upper(), f"{URL}/people", status=429, headers={"Retry-After": "1"})
    provider.add(verb.upper(), f"{URL}/people", json=[])
    assert getattr(session(), verb)("/people") == []
    assert len(slept) == 1
    assert 1.0 <= slept[0] <= 2.0


def test_a_wait_that_does_not_fit_into_the_deadline_is_not_slept(
    provider: Provider, session: Opener, slept: Slept
) -> None:
    provider.add("GET", f"{URL}/people", status=503, headers={"Retry-After": "1"})
    error = error_of(lambda: session(deadline_s=0.9).get("/people"))
    assert (type(error), error.retry_after, slept) == (Transient, 1.0, [])


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_read_is_tried_three_times(provider: Provider, session: Opener, slept: Slept, status: int) -> None:
    provider.add("GET", f"{URL}/people", status=status)
    assert type(error_of(lambda: session().get("/people"))) is Transient
    assert (len(provider.calls), len(slept)) == (3, 2)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_write_that_met_an_error_of_the_server_is_not_repeated(
    provider: Provider, session: Opener, status: int
) -> None:
    provider.add("POST", f"{URL}/people", status=status)
    assert type(error_of(lambda: session().post("/people"))) is OutcomeUnknown
    assert len(provider.calls) == 1


@pytest.mark.parametrize(
    ("problem", "for_a_read", "for_a_write"),
    [
        (requests.ConnectTimeout("slow"), Transient, Transient),
        (requests.ReadTimeout("slow"), Transient, OutcomeUnknown),
        (requests.ConnectionError("reset"), Transient, OutcomeUnknown),
    ],
)
def test_errors_that_a_test_simulates_mean_the_same_as_real_ones(
    provider: Provider,
    session: Opener,
    problem: Exception,
    for_a_read: type[CxsdkError],
    for_a_write: type[CxsdkError],
) -> None:
    provider.add("GET", f"{URL}/people", body=problem)
    provider.add("POST", f"{URL}/people", body=problem)
    assert type(error_of(lambda: session().get("/people"))) is for_a_read
    assert type(error_of(lambda: session().post("/people"))) is for_a_write


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"error_code": 400, "description": "Bad Request: chat not found"}, "400", "chat not found"),
        ([{"message": "Limit exceeded.", "errorCode": "REQUEST_LIMIT"}], "REQUEST_LIMIT", "Limit exceeded."),
        ({"error": "QUERY_LIMIT", "error_description": "Too many"}, "QUERY_LIMIT", "Too many"),
        ({"error": {"message": "Wrong number", "type": "OAuth", "code": 131030}}, "131030", "Wrong number"),
        ({"code": "INVALID_DATA", "message": "invalid data", "status": "error"}, "INVALID_DATA", "invalid data"),
        ({"errors": [{"message": "No such field", "field": "to"}]}, None, "No such field"),
        ({"status": "error", "category": "CONFLICT", "message": "Exists"}, "CONFLICT", "Exists"),
        ({"type": "about:blank", "title": "Unprocessable", "detail": "The phone is short."}, None, "phone is short"),
        ({"error": True, "message": "No"}, None, "No"),
        ("only text", None, ""),
        ([], None, ""),
        (None, None, ""),
    ],
)
def test_the_code_and_words_of_the_provider_are_told(
    provider: Provider, session: Opener, body: Any, code: str | None, said: str
) -> None:
    provider.add("POST", f"{URL}/people", status=400, json=body, headers={"X-Request-Id": "req-1"})
    error = error_of(lambda: session().post("/people"))
    assert (error.provider_code, error.request_id) == (code, "req-1")
    assert said in str(error)
    assert str(error).startswith("acme: POST /v1/people was answered with 400.")


def test_a_body_is_kept_in_at_most_500_characters(provider: Provider, session: Opener) -> None:
    provider.add("POST", f"{URL}/people", status=400, body="é" * 40_000)
    assert error_of(lambda: session().post("/people")).body == "é" * 500


def test_the_plugin_is_asked_first_what_an_answer_means(provider: Provider, session: Opener) -> None:
    def classify(response: requests.Response) -> Exception | None:
        code = response.json().get("error")
        return RateLimited("over the limit", retry_after=60) if code == "QUERY_LIMIT" else None

    provider.add("POST", f"{URL}/a", status=503, json={"error": "QUERY_LIMIT"}, headers={"X-Request-Id": "r1"})
    provider.add("POST", f"{URL}/b", status=200, json={"error": "QUERY_LIMIT"})
    provider.add("POST", f"{URL}/c", status=200, json={"id": 1})
    provider.add("POST", f"{URL}/d", status=503, body="<html>")
    http = session(classify=classify)
    first = error_of(lambda: http.post("/a"))
    assert (first.retry_after, first.status, first.request_id, first.provider_code) == (60, 503, "r1", "QUERY_LIMIT")
    assert type(error_of(lambda: http.post("/b"))) is RateLimited
    assert http.post("/c") == {"id": 1}
    assert type(error_of(lambda: http.post("/d"))) is OutcomeUnknown


def test_a_classify_that_raises_its_error_is_understood(provider: Provider, session: Opener) -> None:
    def classify(response: requests.Response) -> Exception | None:
        raise Rejected("no")

    provider.add("POST", f"{URL}/people", json={})
    assert str(error_of(lambda: session(classify=classify).post("/people"))) == "no"


def test_a_classify_with_a_bug_never_makes_a_success_of_what_it_did_not_understand(
    provider: Provider, session: Opener
) -> None:
    def classify(response: requests.Response) -> Exception | None:
        return response.json()["result"]["error"]

    provider.add("POST", f"{URL}/people", json=[])
    provider.add("POST", f"{URL}/tasks", json=[], status=404)
    http = session(classify=classify)
    assert type(error_of(lambda: http.post("/people"))) is OutcomeUnknown
    assert type(error_of(lambda: http.post("/tasks"))) is Rejected


def test_each_answer_and_each_error_is_told(provider: Provider) -> None:
    heard: list[tuple[int | None, str | None]] = []

    def told(answer: requests.Response | None, error: Exception | None) -> None:
        heard.append((answer.status_code if answer is not None else None, type(error).__name__ if error else None))

    provider.add("GET", f"{URL}/people", status=503)
    provider.add("GET", f"{URL}/people", body=requests.ConnectTimeout())
    provider.add("GET", f"{URL}/people", json=[])
    assert Session(URL, told=told, sleep=lambda _: None).get("/people") == []
    assert heard == [(503, "Transient"), (None, "Transient"), (200, None)]


@pytest.mark.parametrize(
    "call",
    [
        lambda http: http.post("/people", json={"score": float("nan")}),
        lambda http: http.request("GET", "/people", headers={"X-Name": "a\nb"}),
    ],
)
@pytest.mark.enable_socket
def test_what_cannot_be_put_into_a_request_is_rejected_without_one(call: Callable[[Session], Any]) -> None:
    error = error_of(lambda: call(Session("http://127.0.0.1:9")))
    assert type(error) is Rejected
    assert "cannot be put into a request" in str(error)


def test_an_unknown_option_is_the_plugins_mistake(session: Opener) -> None:
    with pytest.raises(TypeError, match="timeout"):
        session().get("/people", timeout=5)


@pytest.mark.parametrize(
    "body",
    [
        lambda: {"files": {"recording": BytesIO(b"sound")}},
        lambda: {"files": [("recording", ("call.wav", BytesIO(b"sound"), "audio/wav"))]},
        lambda: {"data": BytesIO(b"sound")},
        lambda: {"data": iter([b"so", b"und"])},
    ],
    ids=["file", "named file", "body", "parts"],
)
def test_a_file_is_sent_whole_each_time(
    provider: Provider, session: Opener, body: Callable[[], dict[str, Any]]
) -> None:
    provider.post(f"{URL}/check", status=503)
    provider.post(f"{URL}/check", json={})
    session().post("/check", reads=True, **body())
    sent = [bytes(cast("bytes", call.request.body)) for call in provider.calls]
    assert [b"sound" in each for each in sent] == [True, True]
