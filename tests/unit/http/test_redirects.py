"""Where requests go when they are sent on, and what they take along."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses

from cxsdk import OutcomeUnknown, Rejected, Secret
from cxsdk.http import Session

Provider = responses.RequestsMock

URL = "https://api.example.com/v1"
ELSEWHERE = "https://files.example.net/recording"


@pytest.fixture
def provider() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as provider:
        yield provider


@pytest.fixture
def http() -> Session:
    return Session(URL, bearer=Secret("sample-bearer-1"), headers={"X-Api-Key": Secret("sample-key-1")})


def test_a_read_goes_on_with_its_credentials_at_home(provider: Provider, http: Session) -> None:
    provider.add("GET", f"{URL}/old", status=302, headers={"Location": "/v1/new"})
    provider.add("GET", f"{URL}/new", json=[])
    assert http.get("/old", params={"q": "1"}) == []
    assert [call.request.headers["X-Api-Key"] for call in provider.calls] == ["sample-key-1"] * 2


@pytest.mark.parametrize("location", [ELSEWHERE, "//files.example.net/recording", "http://api.example.com/v1/x"])
def test_a_read_that_leaves_home_takes_no_header_along(provider: Provider, http: Session, location: str) -> None:
    provider.add("GET", f"{URL}/recording", status=307, headers={"Location": location})
    provider.add("GET", ELSEWHERE, json=[])
    provider.add("GET", "http://api.example.com/v1/x", json=[])
    assert http.get("/recording", headers={"X-Call": "given"}) == []
    leaving = provider.calls[1].request
    assert not {"Authorization", "X-Api-Key", "X-Call"} & set(leaving.headers)


def test_credentials_do_not_go_to_a_whole_address_elsewhere(provider: Provider, http: Session) -> None:
    provider.add("GET", ELSEWHERE, json=[])
    http.get(ELSEWHERE, headers={"X-Call": "given"})
    sent = provider.calls[0].request.headers
    assert not {"Authorization", "X-Api-Key"} & set(sent)
    assert sent["X-Call"] == "given"


@pytest.mark.parametrize(
    "address", ["https://api.example.com.evil.example/v1", "https://api.example.com:8443/v1", "https://example.com/v1"]
)
def test_a_host_that_only_looks_like_home_is_elsewhere(provider: Provider, http: Session, address: str) -> None:
    provider.add("GET", address, json=[])
    http.get(address)
    assert "Authorization" not in provider.calls[0].request.headers


def test_the_same_host_by_https_is_still_home(provider: Provider) -> None:
    http = Session("http://api.example.com", bearer=Secret("sample-bearer-1"))
    provider.add("POST", "http://api.example.com/a", status=308, headers={"Location": "https://api.example.com/a"})
    provider.add("POST", "https://api.example.com/a", json={"id": 1})
    assert http.post("/a", json={"name": "Sample"}) == {"id": 1}
    assert provider.calls[1].request.headers["Authorization"] == "Bearer sample-bearer-1"
    assert provider.calls[1].request.body == b'{"name": "Sample"}'


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_write_is_not_sent_on_to_another_host(provider: Provider, http: Session, status: int) -> None:
    provider.add("POST", f"{URL}/people", status=status, headers={"Location": ELSEWHERE})
    with pytest.raises(Rejected, match="base_url"):
        http.post("/people")
    assert len(provider.calls) == 1


@pytest.mark.parametrize("status", [301, 302])
def test_a_write_never_turns_into_a_read(provider: Provider, http: Session, status: int) -> None:
    provider.add("POST", f"{URL}/people", status=status, headers={"Location": "/v1/people/"})
    provider.add("GET", f"{URL}/people/", json=[])
    with pytest.raises(Rejected, match="base_url"):
        http.post("/people")
    assert len(provider.calls) == 1


def test_see_other_leaves_a_write_unknown(provider: Provider, http: Session) -> None:
    provider.add("POST", f"{URL}/people", status=303, headers={"Location": "/v1/people/7"})
    with pytest.raises(OutcomeUnknown):
        http.post("/people")


def test_a_redirect_in_a_circle_ends(provider: Provider, http: Session) -> None:
    provider.add("GET", f"{URL}/a", status=302, headers={"Location": "/v1/a"})
    with pytest.raises(Rejected):
        http.get("/a")
    assert len(provider.calls) == 6


@pytest.mark.parametrize("location", ["file:///etc/passwd", "https://", "http://[::1", "ftp://example.com/x"])
def test_a_redirect_to_nowhere_is_rejected(provider: Provider, http: Session, location: str) -> None:
    provider.add("GET", f"{URL}/a", status=302, headers={"Location": location})
    with pytest.raises(Rejected):
        http.get("/a")
