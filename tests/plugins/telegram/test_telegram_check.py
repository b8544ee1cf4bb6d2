"""What a check of Telegram tells: which bot it is, and where its updates go."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests
import responses

from cxsdk import AuthenticationError, ConfigurationError, Secret
from cxsdk.testing import opened
from cxsdk.testing.botapi import BotAPI
from cxsdk_telegram import Telegram

CUSTOMER = 100001


def checked(bot: BotAPI, **settings: object) -> str:
    with opened(Telegram(**{"token": Secret(bot.token), "api_url": bot.url, **settings})) as telegram:
        return telegram.check()


def posted(bot: BotAPI) -> str:
    return checked(bot, webhook_secret=Secret("sample"))


def test_a_check_says_which_bot_it_is(bot: BotAPI, telegram: Telegram) -> None:
    assert telegram.check() == "@sample_bot"
    assert {exchange.method for exchange in bot.exchanges} == {"getMe", "getWebhookInfo"}


def hang(bot: BotAPI, url: str) -> None:
    """Somebody has told Telegram an address."""
    requests.post(f"{bot.url}/bot{bot.token}/setWebhook", json={"url": url}, timeout=5).raise_for_status()


@pytest.mark.parametrize(
    ("check", "hook", "says"),
    [
        (checked, "https://other.example.com/hook", "posts updates to https://other"),
        (posted, "", "to nobody"),
        (posted, "https://other.example.com/hook", "posts updates to https://other"),
    ],
)
def test_updates_that_go_elsewhere_are_told(bot: BotAPI, check: Callable[[BotAPI], str], hook: str, says: str) -> None:
    hang(bot, hook)
    with pytest.raises(ConfigurationError, match=says) as caught:
        check(bot)
    assert caught.value.path == "Telegram.webhook_secret"


def test_what_telegram_could_not_post_is_told_while_it_waits(bot: BotAPI) -> None:
    hang(bot, "https://cx.example.com/webhooks/telegram")
    bot.user_says(CUSTOMER, "Hello")
    with responses.RequestsMock() as web:
        web.add_passthru(bot.url)
        web.post("https://cx.example.com/webhooks/telegram", status=502)
        web.post("https://cx.example.com/webhooks/telegram", status=202)
        bot.deliver()
        assert "502" in posted(bot)
        bot.deliver()
        assert posted(bot) == "@sample_bot"


def test_a_wrong_token_is_told(bot: BotAPI) -> None:
    with pytest.raises(AuthenticationError):
        checked(bot, token=Secret("1:wrong"))
