"""Bitrix24's own library makes the same requests as we do, and understands what the fake answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from cxsdk import Person, Task, email, phone
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, Answer, opened
from cxsdk_bitrix24 import Bitrix24
from cxsdk_bitrix24.commands import encoded
from cxsdk_bitrix24.failures import Problem
from tests.plugins.bitrix24.conftest import bitrix24
from tests.plugins.bitrix24.fake import CODE, PORTAL, TOKEN, FakeBitrix24, failure
from tests.plugins.bitrix24.test_bitrix24_conformance import event, proven
from tests.plugins.bitrix24.test_bitrix24_oauth import GRANTED, Connected, application

pytest.importorskip("b24pysdk", reason="Bitrix24's own library, b24pysdk, is not installed")

from b24pysdk.api.callers.call_batch import call_batch
from b24pysdk.api.callers.call_method import call_method
from b24pysdk.api.requesters import BitrixOAuthRequester
from b24pysdk.credentials import OAuthEventData
from b24pysdk.errors import BitrixAPIError
from b24pysdk.utils.encoding import encode_params

WEBHOOK: dict[str, Any] = {"domain": PORTAL, "auth_token": f"1/{CODE}", "is_webhook": True}
OAUTH: dict[str, Any] = {"domain": PORTAL, "auth_token": "sample-access-token", "is_webhook": False}
WHO = Person(key="p1", name="Ann", identities=(email("ann@example.com"), phone("+12125550123")))


def without_suffix(url: str) -> str:
    """The library asks for JSON by a suffix, which the documents leave out as we do."""
    return url.removesuffix(".json")


@pytest.mark.parametrize(
    "params",
    [
        {"filter": {">=LAST_UPDATED": "2026-01-05T12:00:00+00:00", "@ORIGIN_ID": ["a b", "c&d"]}, "select": ["ID"]},
        {"fields": {"fm": [{"typeId": "PHONE", "value": "+12125550123"}], "name": "Їжак 🦔 [b]1+1=2[/b]"}},
        {"order": {"ID": "ASC"}, "start": -1},
    ],
)
def test_parameters_are_written_alike(params: dict[str, Any]) -> None:
    assert encoded(params) == encode_params(params)


def test_a_batch_is_asked_for_alike(crm: Bitrix24, portal: FakeBitrix24) -> None:
    list(crm.find_people([WHO]))
    methods = {
        "p0x0": ("crm.duplicate.findbycomm", {"type": "PHONE", "values": ["+12125550123"]}),
        "p0x1": ("crm.duplicate.findbycomm", {"type": "EMAIL", "values": ["ann@example.com"]}),
    }
    found = call_batch(**WEBHOOK, methods=methods)
    ours, theirs = portal.requests
    assert without_suffix(theirs.url) == without_suffix(ours.url)
    assert theirs.json == ours.json
    assert found["result"]["result"] == {"p0x0": [], "p0x1": []}


def test_a_method_is_asked_for_alike_with_a_token() -> None:
    portal = Connected()
    portal.start()
    try:
        with opened(application(), granted=GRANTED) as crm:
            assert [each.id for each in crm.agents()] == ["1"]
        found = call_method(**OAUTH, api_method="user.get", params={"sort": "ID", "order": "ASC", "start": 0})
    finally:
        portal.stop()
    ours, theirs = portal.requests
    assert without_suffix(theirs.url) == without_suffix(ours.url)
    assert theirs.json == ours.json
    assert found["result"][0]["EMAIL"] == "agent@example.com"


class Credentials:
    """The application as the library wants it."""

    client_id, client_secret = "app.1", "sample-client-secret"


def test_a_token_is_renewed_alike() -> None:
    portal, clock = Connected(), ManualClock(NOW)
    portal.start()
    try:
        with opened(application(), clock=clock, granted=GRANTED) as crm:
            crm.check()
            clock.advance(timedelta(minutes=59))
            crm.check()
        ours = portal.requests[1]
        BitrixOAuthRequester(Credentials()).refresh_oauth_token(ours.query["refresh_token"][0])
    finally:
        portal.stop()
    theirs = portal.requests[-1]
    assert (theirs.method, theirs.url.partition("?")[0]) == (ours.method, ours.url.partition("?")[0])
    assert theirs.query == ours.query


@pytest.mark.parametrize(
    "answer", [*FakeBitrix24.limits, FakeBitrix24.unauthorized, failure(403, "insufficient_scope", "More is needed")]
)
def test_the_library_knows_the_codes_of_errors(portal: FakeBitrix24, answer: Answer) -> None:
    portal.play(answer, times=9)
    with pytest.raises(BitrixAPIError) as caught:
        call_method(**WEBHOOK, api_method="user.get", max_retries=1)
    problem = Problem.of(answer.json)
    assert problem is not None
    assert problem == (caught.value.error, caught.value.error_description)
    assert problem.of_the_account() is not None


def test_all_codes_of_the_library_that_speak_of_the_account_are_known() -> None:
    unknown = {code for code in _codes(BitrixAPIError) if Problem(code, "").of_the_account() is None}
    of_a_record, unfinished = {"INVALID_ARG_VALUE", "ACCESS_DENIED", "ACCESS_ERROR"}, {"ERROR_UNEXPECTED_ANSWER"}
    assert unknown == of_a_record | unfinished


def _codes(error: type[Any]) -> set[str]:
    is_of_methods = error.__module__ == "b24pysdk.errors" and isinstance(getattr(error, "ERROR", None), str)
    own = {error.ERROR} if is_of_methods else set()
    return own.union(*(_codes(sub) for sub in error.__subclasses__()))


def test_the_library_understands_events_as_we_do() -> None:
    fields = dict(parse_qsl(proven(event("ONCRMACTIVITYDELETE", 999)).decode()))
    theirs = OAuthEventData.from_dict(fields)
    [sample] = bitrix24().samples("https://cx.example.com", NOW).values()
    ours = OAuthEventData.from_dict(dict(parse_qsl(sample.body.decode())))
    assert (theirs.event, theirs.data) == ("ONCRMACTIVITYDELETE", {"FIELDS": {"ID": "999"}})
    assert theirs.auth.application_token == ours.auth.application_token == TOKEN
    assert ours.ts == NOW


def test_a_to_do_is_made_alike(crm: Bitrix24, portal: FakeBitrix24) -> None:
    ann = portal.put(3, assignedById=7)
    list(crm.save_tasks([Task(key="t1", person_id=f"C_{ann}", title="Call back", text="Now", due=NOW)]))
    deadline = "2026-01-05T12:00:00+00:00"
    todo = {"ownerTypeId": 3, "ownerId": ann, "deadline": deadline, "title": "Call back", "description": "Now"}
    call_batch(**WEBHOOK, methods={"t0": ("crm.activity.todo.add", {**todo, "responsibleId": 7})})
    ours, theirs = portal.done("crm.activity.todo.add")
    assert ours == theirs
