"""Every documented error of Bitrix24, what its answers tell of limits, and that no secret is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests

from cxsdk import (
    AuthenticationError,
    ConfigurationError,
    CxsdkError,
    Limit,
    OutcomeUnknown,
    Person,
    RateLimited,
    Rejected,
    Secret,
    Transient,
    Unsupported,
    Usage,
    email,
)
from cxsdk.testing import NOW, Answer, opened
from cxsdk_bitrix24 import Bitrix24
from tests.plugins.bitrix24.conftest import bitrix24
from tests.plugins.bitrix24.fake import CODE, WEBHOOK, FakeBitrix24, failure

ANN = Person(key="p1", name="Ann", identities=(email("ann@example.com"),))


def failing(crm: Bitrix24, portal: FakeBitrix24, answer: Answer) -> CxsdkError:
    portal.play(answer, times=30)  # what lasts a moment is waited for within the call
    with pytest.raises(CxsdkError) as caught:
        list(crm.create_people([ANN]))
    return caught.value


@pytest.mark.parametrize(
    ("status", "code", "error", "wait"),
    [
        (400, "ERROR_BATCH_LENGTH_EXCEEDED", Rejected, None),
        (400, "INVALID_REQUEST", AuthenticationError, None),
        (401, "NO_AUTH_FOUND", AuthenticationError, None),
        (401, "expired_token", AuthenticationError, None),
        (401, "invalid_token", AuthenticationError, None),
        (401, "PAYMENT_REQUIRED", AuthenticationError, None),
        (403, "ACCESS_DENIED", AuthenticationError, None),
        (403, "INVALID_CREDENTIALS", AuthenticationError, None),
        (403, "insufficient_scope", AuthenticationError, None),
        (403, "user_access_error", AuthenticationError, None),
        (403, "allowed_only_intranet_user", AuthenticationError, None),
        (404, "ERROR_METHOD_NOT_FOUND", AuthenticationError, None),
        (404, "ERROR_MANIFEST_IS_NOT_AVAILABLE", AuthenticationError, None),
        (405, "ERROR_BATCH_METHOD_NOT_ALLOWED", Unsupported, None),
        (410, "PORTAL_DELETED", Transient, 300),
        (429, "OPERATION_TIME_LIMIT", RateLimited, 60),
        (500, "INTERNAL_SERVER_ERROR", OutcomeUnknown, None),
        (500, "ERROR_UNEXPECTED_ANSWER", OutcomeUnknown, None),
        (500, "PORTAL_DELETED", Transient, 300),
        (503, "QUERY_LIMIT_EXCEEDED", RateLimited, 5),
        (503, "OVERLOAD_LIMIT", RateLimited, 3600),
        (200, "QUERY_LIMIT_EXCEEDED", RateLimited, 5),
        (200, "SOMETHING_ELSE", Rejected, None),
    ],
)
def test_each_error_has_its_meaning(
    crm: Bitrix24, portal: FakeBitrix24, status: int, code: str, error: type[CxsdkError], wait: float | None
) -> None:
    failed = failing(crm, portal, failure(status, code, "As Bitrix24 says it."))
    assert type(failed) is error
    assert getattr(failed, "retry_after", None) == wait


def test_a_plan_without_rest_is_told(crm: Bitrix24, portal: FakeBitrix24) -> None:
    told = failing(crm, portal, failure(403, "ACCESS_DENIED", "REST API is available only on commercial plans"))
    assert "plan with REST" in str(told)


def test_a_blocked_method_waits_for_the_moment_that_the_answer_tells(crm: Bitrix24, portal: FakeBitrix24) -> None:
    time = {"operating": 481.2, "operating_reset_at": NOW.timestamp() + 42}
    failed = failing(crm, portal, failure(429, "OPERATION_TIME_LIMIT", time=time))
    assert isinstance(failed, RateLimited)
    assert failed.retry_after == 42


@pytest.mark.parametrize("time", [None, [], {"operating_reset_at": "2024-08-26T16:11:37+03:00"}])
def test_a_blocked_method_that_tells_no_moment_waits_a_minute(crm: Bitrix24, portal: FakeBitrix24, time: Any) -> None:
    failed = failing(crm, portal, failure(429, "OPERATION_TIME_LIMIT", time=time))
    assert isinstance(failed, RateLimited)
    assert failed.retry_after == 60


def test_scopes_that_are_missing_for_each_command_stop_the_account(crm: Bitrix24, portal: FakeBitrix24) -> None:
    portal.refusing["crm.item.add"] = {"code": "insufficient_scope", "text": ""}
    with pytest.raises(AuthenticationError, match="scopes crm and user"):
        list(crm.create_people([ANN]))


@pytest.mark.parametrize("told", [None, [], {"result": True}, {"result": []}])
def test_an_answer_that_is_none_leaves_a_write_unknown(crm: Bitrix24, portal: FakeBitrix24, told: Any) -> None:
    assert type(failing(crm, portal, Answer(json=told))) is OutcomeUnknown


def test_a_command_of_which_nothing_is_told_is_unknown(crm: Bitrix24, portal: FakeBitrix24) -> None:
    portal.play(Answer(json={"result": {"result": [], "result_error": []}}))
    [receipt] = crm.create_people([ANN])
    assert receipt.outcome.value == "unknown"


@pytest.mark.parametrize("answer", [Answer(502), Answer(json={"result": 7}), Answer(json={"result": {}})])
def test_a_read_that_failed_did_not_happen(crm: Bitrix24, portal: FakeBitrix24, answer: Answer) -> None:
    portal.play(answer, times=9)
    with pytest.raises(Transient):
        list(crm.agents())


# -- limits


def told(*, asked: str, body: str = "{}", **answered: Any) -> list[Usage]:
    response = requests.Response()
    response.request = requests.Request("POST", f"{WEBHOOK}{asked}", data=body).prepare()
    response._content = requests.models.complexjson.dumps(answered).encode()
    return list(bitrix24().usage(response))


def test_an_answer_tells_how_long_its_method_has_worked() -> None:
    [usage] = told(asked="crm.item.list", result=[], time={"operating": 3.5, "operating_reset_at": 1705765533})
    assert (usage.limit, usage.key, usage.remaining) == ("operating", "crm.item.list", 476.5)
    assert usage.limit in [limit.name for limit in bitrix24().limits]


def test_a_batch_tells_it_of_each_method() -> None:
    body = '{"cmd": {"a": "crm.item.add?x=1", "b": "crm.item.add?x=2", "c": "user.get?", "d": "user.current"}}'
    full = {"operating": 481, "finish": 1705764933.5, "operating_reset_at": 1705765533}
    times = {"a": {"operating": 1}, "b": full, "c": {"operating": 0.5}, "d": {}, "unknown": {}}
    found = told(asked="batch", body=body, result={"result": {}, "result_time": times})
    assert [(each.key, each.remaining) for each in found] == [("crm.item.add", 0), ("user.get", 479.5)]
    assert [each.resets_in for each in found] == [timedelta(seconds=599.5), None]


def test_a_method_with_nothing_left_waits_a_minute_where_no_moment_is_told() -> None:
    [usage] = told(asked="user.get", time={"operating": 480, "operating_reset_at": "2024-08-26T16:11:37+03:00"})
    assert (usage.remaining, usage.resets_in) == (0, timedelta(minutes=1))


@pytest.mark.parametrize("answered", [{}, {"time": []}, {"time": {"operating": "many"}}, {"time": {"operating": True}}])
def test_an_answer_that_tells_nothing_says_nothing(answered: dict[str, Any]) -> None:
    assert told(asked="user.get", **answered) == []
    assert told(asked="batch", body='{"cmd": {}}', **answered) == []


def test_a_portal_of_ones_own_has_the_limits_that_one_gives_it(portal: FakeBitrix24) -> None:
    portal.operating["crm.item.add"] = 4711.0
    with opened(bitrix24(limits=[Limit(calls=10, per="1s")])) as crm:
        list(crm.create_people([ANN]))
        assert list(crm.usage(requests.Response())) == []


# -- settings and secrets


@pytest.mark.parametrize(
    "settings",
    [
        {"webhook": None},
        {"webhook": Secret("https://sample.bitrix24.com/")},
        {"webhook": Secret("https://sample.bitrix24.com/rest/1/")},
        {"webhook": Secret("sample.bitrix24.com/rest/1/abc/")},
        {"webhook": Secret("https://sample.bitrix24.com/rest/1/abc/?a=b")},
        {"portal": "sample.bitrix24.com"},
        {"webhook": None, "portal": "https://sample.bitrix24.com"},
        {"webhook": None, "portal": "sample.bitrix24.com", "client_id": "app.1"},
        {"calls": "telephony"},
    ],
)
def test_an_account_needs_one_way_in(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        bitrix24(**settings)
    assert "abc" not in str(caught.value)


def test_no_error_shows_the_webhook(crm: Bitrix24, portal: FakeBitrix24) -> None:
    for answer in (failure(400, "X", f"the key {CODE} is held"), Answer(500), failure(401, "NO_AUTH_FOUND", WEBHOOK)):
        assert CODE not in str(failing(crm, portal, answer))
    assert CODE not in repr(crm) + repr(crm._api._http)


def test_a_webhook_is_believed_with_and_without_the_slash(portal: FakeBitrix24) -> None:
    with opened(bitrix24(webhook=Secret(WEBHOOK.rstrip("/")))) as crm:
        assert crm.check() == "user 1 Ann Sample"


def test_the_check_needs_all_scopes(crm: Bitrix24, portal: FakeBitrix24) -> None:
    assert crm.check() == "user 1 Ann Sample"
    portal.refusing["crm.activity.list"] = {"code": "insufficient_scope", "text": ""}
    with pytest.raises(AuthenticationError):
        crm.check()
    assert portal.activities == {}
