"""Calls of telephony in a whole installation, which is connected by OAuth: each is there once, when it has ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cxsdk import Secret
from cxsdk.domain.oauth import Grant
from cxsdk.store.oauth_tokens import TokenVault
from cxsdk.store.sealing import Sealer, new_key
from cxsdk.testing import NOW
from cxsdk.testing.inline import Installation
from tests.plugins.bitrix24.test_bitrix24_installed import of_kind
from tests.plugins.bitrix24.test_bitrix24_oauth import GRANTED, Connected, application
from tests.plugins.switchboard import company, ring

KEY = Secret(new_key())
RECORDING = "https://calls.example.com/1.mp3"


@pytest.fixture
def portal() -> Iterator[Connected]:
    fake = Connected()
    fake.now = NOW
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def installation(portal: Connected, tmp_path: Path) -> Iterator[Installation]:
    crm = application(calls="telephony")
    with company(crm, tmp_path, secrets_keys=[KEY]) as opened:
        answer = {"access_token": portal.auth, "refresh_token": "sample-refresh-token", "expires_in": 3600}
        vault = TokenVault(opened.runtime.store, Sealer([KEY]), crm.name)
        vault.connect(Grant.of(answer, NOW, fields=GRANTED))
        yield opened


def test_a_strangers_missed_call_is_in_the_statistics_once(installation: Installation, portal: Connected) -> None:
    for _ in range(2):
        ring(installation)
    [call], [(person, _)] = portal.statistics, portal.held[1].items()
    [(id, activity)] = of_kind(portal, "cxsdk").items()
    assert (call["CALL_FAILED_CODE"], call["CRM_ACTIVITY_ID"]) == ("304", str(id))
    assert (activity["OWNER_TYPE_ID"], activity["OWNER_ID"]) == ("1", str(person))
    assert len(of_kind(portal, "cxsdk.task")) == 1


@pytest.mark.parametrize("method", ["telephony.externalCall.register", "telephony.externalCall.attachRecord"])
def test_a_call_whose_answer_was_lost_is_there_once(installation: Installation, portal: Connected, method: str) -> None:
    portal.forget(method)
    ring(installation, state="ended", recording=RECORDING)
    installation.pass_to(NOW + timedelta(minutes=10))
    assert len(portal.statistics) == 1
    assert len(portal.done("telephony.externalCall.register")) == 1


def test_a_recording_that_is_known_later_goes_to_the_same_call(installation: Installation, portal: Connected) -> None:
    ring(installation, state="ended")
    [call] = portal.statistics
    assert call["RECORD_FILE_ID"] is None
    ring(installation, key="later", state="ended", recording=RECORDING)
    assert call["RECORD_FILE_ID"] is not None
    assert len(portal.statistics) == len(of_kind(portal, "cxsdk")) == 1
