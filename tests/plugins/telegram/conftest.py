"""A plugin that talks to the stand-in of the Bot API, and the Bot API's specification where it is at hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from cxsdk import Secret
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, opened
from cxsdk.testing.botapi import BotAPI
from cxsdk_telegram import Telegram
from tests.plugins.telegram.specification import Specification, at_hand


@pytest.fixture(scope="session")
def specification() -> Specification:
    found = at_hand()
    if found is None:
        pytest.skip("the Bot API's specification is not here; TELEGRAM_BOT_API_SPEC may name the file")
    return found


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def bot(clock: ManualClock) -> Iterator[BotAPI]:
    """The stand-in; whatever was asked of it, and answered, fits the specification where that is at hand."""
    with BotAPI(clock=clock) as bot:
        yield bot
        exchanges = list(bot.exchanges)
    if found := at_hand():
        for exchange in exchanges:
            assert found.problems_of_exchange(exchange.method, exchange.params, exchange.answer) == []


@pytest.fixture
def telegram(bot: BotAPI, clock: ManualClock) -> Iterator[Telegram]:
    settings = {"token": Secret(bot.token), "api_url": bot.url, "poll_seconds": 0}
    with opened(Telegram(**settings), clock=clock) as telegram:
        yield telegram


@pytest.fixture
def later(clock: ManualClock) -> Any:
    """Moves the clock on by so many seconds."""
    return lambda seconds: clock.advance(timedelta(seconds=seconds))
