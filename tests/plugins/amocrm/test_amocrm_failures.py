"""Every documented error of amoCRM, and those that people have met."""

from __future__ import annotations

import pytest

from cxsdk import (
    AuthenticationError,
    CxsdkError,
    LogEntry,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Transient,
    Unsupported,
)
from cxsdk.domain.interaction import Direction, Kind
from cxsdk.testing import NOW, Answer
from cxsdk_amocrm import AmoCRM
from tests.plugins.amocrm.fake import BANNED, LIMITED, FakeAmoCRM, problem

LETTER = LogEntry(key="e1", person_id="1", kind=Kind.EMAIL, direction=Direction.INBOUND, at=NOW)
CALL = LETTER.model_copy(update={"kind": Kind.CALL, "counterpart": "+12125550123"})


def failing(crm: AmoCRM, account: FakeAmoCRM, answer: Answer, entry: LogEntry = LETTER) -> CxsdkError:
    account.play(answer, times=3)  # what lasts a moment is waited for within the call
    with pytest.raises(CxsdkError) as caught:
        list(crm.log([entry]))
    return caught.value


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (401, AuthenticationError),
        (402, AuthenticationError),
        (403, AuthenticationError),
        (404, Rejected),
        (405, Unsupported),
        (415, Rejected),
        (422, Rejected),
        (429, RateLimited),
        (500, OutcomeUnknown),
        (502, OutcomeUnknown),
        (503, OutcomeUnknown),
        (504, OutcomeUnknown),
    ],
)
def test_an_error_means_what_it_says(crm: AmoCRM, account: FakeAmoCRM, status: int, error: type[CxsdkError]) -> None:
    failed = failing(crm, account, problem(status, "Its title", "What it says"))
    assert type(failed) is error
    assert getattr(failed, "status", None) == status
    assert "What it says" in str(failed) or "Its title" in str(failed)


@pytest.mark.parametrize(
    ("answer", "wait"), [(LIMITED, 10), (Answer(429, headers={"Retry-After": "3"}), 3), (BANNED, 3600)]
)
def test_a_limit_says_how_long_to_wait(crm: AmoCRM, account: FakeAmoCRM, answer: Answer, wait: float) -> None:
    failed = failing(crm, account, answer)
    assert isinstance(failed, RateLimited)
    assert failed.retry_after == wait


def test_an_address_that_is_banned_is_not_taken_for_wrong_credentials(crm: AmoCRM, account: FakeAmoCRM) -> None:
    failed = failing(crm, account, BANNED)
    assert failed.code == "amocrm_banned"
    assert "support" in str(failed)


def test_rights_that_are_missing_are_no_ban(crm: AmoCRM, account: FakeAmoCRM) -> None:
    answer = problem(403, "Forbidden", "Access to this account is prohibited from your IP address")
    assert isinstance(failing(crm, account, answer), AuthenticationError)


def test_an_unpaid_account_gives_up_no_record(crm: AmoCRM, account: FakeAmoCRM) -> None:
    assert failing(crm, account, problem(402, "Payment Required", "Unpaid")).code == "amocrm_unpaid"


def test_an_account_that_has_moved_gives_up_no_record(crm: AmoCRM, account: FakeAmoCRM) -> None:
    failed = failing(crm, account, Answer(301, headers={"Location": "https://other.amocrm.ru/api/v4/contacts/notes"}))
    assert (type(failed), failed.code) == (AuthenticationError, "amocrm_moved")


def test_a_code_alone_is_told_as_it_is(crm: AmoCRM, account: FakeAmoCRM) -> None:
    answer = problem(400, "Bad Request", "Error code 244")
    assert "Error code 244" in str(failing(crm, account, answer))


@pytest.mark.parametrize("errors", [None, "", [], ["x"], [{}], {"a": 1}])
def test_mistakes_of_another_shape_are_a_refusal_still(crm: AmoCRM, account: FakeAmoCRM, errors: object) -> None:
    account.play(problem(400, "Bad Request", "No", **{"validation-errors": errors}))
    try:
        [receipt] = crm.log([LETTER])
    except Rejected:
        return
    assert receipt.outcome in ("rejected", "person_gone")


def test_calls_of_which_some_are_there_are_not_sent_again(crm: AmoCRM, account: FakeAmoCRM) -> None:
    body = {"_total_items": 1, "errors": [{"title": "Entity not found", "request_id": "e1"}]}
    assert isinstance(failing(crm, account, Answer(400, body), CALL), OutcomeUnknown)


def test_a_reading_that_fails_is_tried_again(crm: AmoCRM, account: FakeAmoCRM) -> None:
    account.play(Answer(json=["x"]))
    with pytest.raises(Transient):
        crm.check()
