"""Calls as those of Bitrix24's telephony: what they become, what goes wrong, and that each is there once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from cxsdk import AuthenticationError, CallState, ConfigurationError, Direction, Kind, OutcomeUnknown, RateLimited
from cxsdk.domain.outward import Outcome
from cxsdk.testing import opened
from cxsdk_bitrix24 import Bitrix24
from tests.plugins.bitrix24.conftest import bitrix24
from tests.plugins.bitrix24.fake import FakeBitrix24
from tests.plugins.bitrix24.test_bitrix24_oauth import GRANTED, Connected, application
from tests.plugins.bitrix24.test_bitrix24_outgoing import entry

REGISTER = "telephony.externalCall.register"
FINISH = "telephony.externalCall.finish"
ATTACH = "telephony.externalCall.attachRecord"
RECORDING = "https://calls.example.com/1.mp3"
LIMITED = {"code": "OPERATION_TIME_LIMIT", "text": "Method is blocked"}


@pytest.fixture
def portal() -> Iterator[Connected]:
    fake = Connected()
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def crm(portal: Connected) -> Iterator[Bitrix24]:
    with opened(application(calls="telephony"), granted=GRANTED) as plugin:
        yield plugin


@pytest.fixture
def ann(portal: FakeBitrix24) -> str:
    return f"C_{portal.put(3, name='Ann')}"


def ended(person: str, key: str = "e1", **fields: Any) -> Any:
    return entry(person, key, **{"state": CallState.ENDED, "seconds": 61} | fields)


def test_a_call_is_one_of_telephony(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    [receipt] = crm.log([ended(ann, text="Where is my parcel?", comment="Friendly", recording_url=RECORDING)])
    [(id, activity)], [call] = portal.activities.items(), portal.statistics
    assert portal.done(REGISTER) == [
        {
            "USER_ID": "1",
            "PHONE_NUMBER": "+12125550123",
            "TYPE": "2",
            "CALL_START_DATE": "2026-01-05T12:00:00+00:00",
            "CRM_CREATE": "0",
            "CRM_ENTITY_TYPE": "CONTACT",
            "CRM_ENTITY_ID": ann.removeprefix("C_"),
            "SHOW": "0",
            "ADD_TO_CHAT": "0",
            "EXTERNAL_CALL_ID": "e1",
        }
    ]
    assert portal.done(FINISH) == [
        {"CALL_ID": call["CALL_ID"], "USER_ID": "1", "DURATION": "61", "STATUS_CODE": "200", "ADD_TO_CHAT": "0"}
    ]
    assert portal.done(ATTACH) == [{"CALL_ID": call["CALL_ID"], "RECORD_URL": RECORDING, "FILENAME": "1.mp3"}]
    assert receipt.id == str(id) == call["CRM_ACTIVITY_ID"]
    assert activity["DESCRIPTION"] == f"Where is my parcel?\n\nComment: Friendly\n\nRecording: {RECORDING}"
    assert (activity["ORIGINATOR_ID"], activity["ORIGIN_ID"]) == ("cxsdk", "e1")
    assert activity["SUBJECT"] == "Call +12125550123"  # Bitrix24's own words


@pytest.mark.parametrize(
    ("state", "seconds", "code"),
    [
        (CallState.ENDED, None, "200"),
        (CallState.MISSED, None, "304"),
        (CallState.ANSWERED, 5, "200"),
        (CallState.RINGING, None, "OTHER"),
        (None, 5, "200"),
        (None, None, "OTHER"),
    ],
)
def test_how_a_call_went_is_its_status(
    crm: Bitrix24, portal: FakeBitrix24, ann: str, state: CallState | None, seconds: int | None, code: str
) -> None:
    call = entry(ann, state=state, seconds=seconds, direction=Direction.OUTBOUND)
    assert all(receipt.is_done for receipt in crm.log([call]))
    [told] = portal.statistics
    assert (told["CALL_FAILED_CODE"], told["CALL_TYPE"], told["CALL_DURATION"]) == (code, "1", str(seconds or 0))


def test_all_else_is_a_to_do_as_before(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    hidden = entry(ann, "e2", counterpart="anonymous", state=CallState.RINGING)
    receipts = list(crm.log([entry(ann, kind=Kind.MESSAGE, text="Hello"), hidden]))
    assert all(receipt.is_done for receipt in receipts)
    assert [each["PROVIDER_ID"] for each in portal.activities.values()] == ["CRM_TODO"] * 2
    assert portal.statistics == []


def test_calls_of_a_full_batch_are_each_in_one_request(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    receipts = list(crm.log([ended(ann, f"e{n}") for n in range(crm.batch_size)]))
    assert [receipt.id for receipt in receipts] == [each["CRM_ACTIVITY_ID"] for each in portal.statistics]
    assert [len(each.json["cmd"]) for each in portal.requests] == [1, 48, 27]


def test_what_the_first_batch_wrote_counts_when_the_second_is_lost(
    crm: Bitrix24, portal: FakeBitrix24, ann: str
) -> None:
    calls = crm.log([ended(ann, f"e{n}") for n in range(crm.batch_size)])
    done = [next(calls).is_done for _ in range(16)]
    portal.forget(REGISTER)
    with pytest.raises(OutcomeUnknown):
        next(calls)
    assert all(done)
    assert all(crm.find_written([f"e{n}" for n in range(25)]))


# -- what becomes known later


def test_what_becomes_known_later_goes_to_the_activity_and_its_recording_to_the_call(
    crm: Bitrix24, portal: FakeBitrix24, ann: str
) -> None:
    [made] = crm.log([ended(ann)])
    later = ended(ann, entry_id=made.id, comment="Friendly", recording_url=RECORDING, seconds=90, subject="Parcel")
    for _ in range(2):
        [changed] = crm.log([later])
    [activity], [call] = portal.activities.values(), portal.statistics
    assert (changed.id, activity["SUBJECT"]) == (made.id, "Incoming call +12125550123: Parcel")
    assert activity["DESCRIPTION"] == f"Comment: Friendly\n\nRecording: {RECORDING}"
    assert (call["CALL_DURATION"], call["RECORD_FILE_ID"] is not None) == ("61", True)
    assert len(portal.done(ATTACH)) == 1
    assert "START_TIME" not in activity  # it is Bitrix24's own


def test_a_call_that_was_logged_as_an_activity_stays_one(portal: FakeBitrix24, ann: str) -> None:
    with opened(application(), granted=GRANTED) as crm:
        [made] = crm.log([ended(ann)])
    with opened(application(calls="telephony"), granted=GRANTED) as crm:
        [changed] = crm.log([ended(ann, entry_id=made.id, seconds=90, recording_url=RECORDING)])
        assert list(crm.find_written(["e1"])) == [made.id]
    [activity] = portal.activities.values()
    assert (changed.id, activity["END_TIME"]) == (made.id, "2026-01-05T12:01:30+00:00")
    assert (portal.statistics, portal.done(ATTACH)) == ([], [])


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (RECORDING, "1.mp3"),
        ("https://calls.example.com/a/2.WAV?token=1", "2.WAV"),
        ("https://calls.example.com/recordings/3", "3.mp3"),
        ("https://calls.example.com/", "recording.mp3"),
    ],
)
def test_a_recording_has_a_name_that_bitrix24_takes(
    crm: Bitrix24, portal: FakeBitrix24, ann: str, url: str, name: str
) -> None:
    list(crm.log([ended(ann, recording_url=url)]))
    [asked] = portal.done(ATTACH)
    assert (asked["RECORD_URL"], asked["FILENAME"]) == (url, name)


def test_a_recording_that_bitrix24_cannot_fetch_stays_a_link(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    portal.unplayable.add(RECORDING)
    [receipt] = crm.log([ended(ann, recording_url=RECORDING)])
    [activity] = portal.activities.values()
    assert receipt.is_done
    assert RECORDING in activity["DESCRIPTION"]


def test_a_request_for_recordings_that_fails_makes_no_call_again(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    portal.forget(ATTACH)
    [receipt] = crm.log([ended(ann, recording_url=RECORDING)])
    assert receipt.is_done
    assert len(portal.statistics) == 1


# -- once


@pytest.mark.parametrize("method", [REGISTER, FINISH])
def test_a_call_whose_answer_was_lost_is_found_by_the_statistics(
    crm: Bitrix24, portal: FakeBitrix24, ann: str, method: str
) -> None:
    portal.forget(method)
    portal.refusing["crm.activity.update"] = {"code": "", "text": "Access denied."}  # so that it bears no key
    with pytest.raises(OutcomeUnknown):
        list(crm.log([ended(ann)]))
    [call] = portal.statistics
    assert list(crm.find_written(["never", "e1"])) == [None, call["CRM_ACTIVITY_ID"]]


@pytest.mark.parametrize("wait", [timedelta(minutes=5), timedelta(hours=1)])
def test_a_call_that_was_registered_and_not_finished_is_sent_again_and_is_one(
    crm: Bitrix24, portal: FakeBitrix24, ann: str, wait: timedelta
) -> None:
    portal.refusing[FINISH] = LIMITED
    [put_off] = crm.log([ended(ann)])
    assert (put_off.outcome, list(crm.find_written(["e1"]))) == (Outcome.DEFERRED, [None])
    portal.refusing.clear()
    portal.now += wait
    [made] = crm.log([ended(ann)])
    [call] = portal.statistics
    assert (made.id, len(portal.activities)) == (call["CRM_ACTIVITY_ID"], 1)


def test_two_calls_of_one_number_within_half_an_hour_are_two(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    first, second = crm.log([ended(ann), ended(ann, "e2")])
    assert first.id != second.id
    assert len(portal.statistics) == 2


# -- what goes wrong


def test_a_call_that_cannot_be_registered_says_why(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    refused, done = crm.log([ended(ann, agent_id="99"), ended(ann, "e2")])
    assert (refused.outcome, done.outcome) == (Outcome.REJECTED, Outcome.ACCEPTED)
    assert refused.reason == "Bitrix24: ERROR_CORE User is not found or is not active"


def test_a_call_for_which_the_database_failed_is_looked_up(crm: Bitrix24, portal: FakeBitrix24, ann: str) -> None:
    portal.refusing[FINISH] = {"code": "ERROR_CORE", "text": "Unexpected database error"}
    [receipt] = crm.log([ended(ann)])
    assert receipt.outcome is Outcome.UNKNOWN


def test_a_call_whose_activity_cannot_be_changed_is_there_all_the_same(
    crm: Bitrix24, portal: FakeBitrix24, ann: str
) -> None:
    portal.refusing["crm.activity.update"] = {"code": "", "text": "Access denied."}
    [receipt] = crm.log([ended(ann)])
    assert receipt.id == str(*portal.activities)


@pytest.mark.parametrize(
    ("problem", "error"), [(LIMITED, RateLimited), ({"code": "insufficient_scope", "text": ""}, AuthenticationError)]
)
def test_what_stops_all_calls_stops_the_account(
    crm: Bitrix24, portal: FakeBitrix24, ann: str, problem: dict[str, str], error: type[Exception]
) -> None:
    portal.refusing[REGISTER] = problem
    with pytest.raises(error):
        list(crm.log([ended(ann), ended(ann, "e2")]))


def test_a_person_who_is_gone_has_no_calls(crm: Bitrix24, portal: FakeBitrix24) -> None:
    assert [each.outcome for each in crm.log([ended("C_999")])] == [Outcome.PERSON_GONE]
    assert portal.done(REGISTER) == []


def test_the_check_needs_the_statistics(crm: Bitrix24, portal: FakeBitrix24) -> None:
    assert crm.check() == "user 1 Ann Sample"
    portal.refusing["voximplant.statistic.get"] = {"code": "ACCESS_DENIED", "text": "Access denied!"}
    with pytest.raises(AuthenticationError, match="rights"):
        crm.check()
    with pytest.raises(AuthenticationError):
        list(crm.find_written(["e1"]))


def test_a_webhook_cannot_have_calls_of_telephony(portal: FakeBitrix24) -> None:
    with pytest.raises(ConfigurationError, match="for applications"):
        bitrix24(calls="telephony")


def test_bitrix24_refuses_calls_of_a_webhook() -> None:
    fake = FakeBitrix24()
    answer = fake._batch({"r": f"{REGISTER}?USER_ID=1&PHONE_NUMBER=1&TYPE=1&CALL_START_DATE=2026-01-05T12:00:00Z"}, "")
    assert answer.json["result"]["result_error"]["r"]["error"] == "WRONG_AUTH_TYPE"
