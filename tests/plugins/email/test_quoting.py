"""The shapes in which mail programs quote, as their users' mails show them."""

from __future__ import annotations

import pytest

from cxsdk_email.quoting import trimmed

REPLIES = {
    "gmail ru": (
        "Спасибо!\n"
        "\n"
        "пн, 3 февр. 2025 г. в 14:05, Поддержка <support@example.com>:\n"
        "\n"
        "> Здравствуйте\n"
        "> вопрос\n"
    ),
    "gmail ru wrapped": (
        "Спасибо!\n"
        "\n"
        "пн, 3 февр. 2025 г. в 14:05, Служба поддержки компании <\n"
        "support@example.com>:\n"
        "\n"
        "> Здравствуйте\n"
    ),
    "gmail uk": (
        "Дякую\n"
        "\n"
        "пн, 3 лют. 2025 р. о 14:05 Підтримка <support@example.com> пише:\n"
        "\n"
        "> Вітаємо\n"
    ),
    "gmail old ru": (
        "Спасибо\n"
        "3 февраля 2025 г., 14:05 пользователь Поддержка <support@example.com>\n"
        "написал:\n"
        "\n"
        "> a"
    ),
    "tb ru": (
        "Спасибо\n"
        "\n"
        "03.02.2025 14:05, Поддержка пишет:\n"
        "> Здравствуйте\n"
    ),
    "tb uk": (
        "Дякую\n"
        "\n"
        "03.02.25 14:05, Підтримка пише:\n"
        "> Здравствуйте\n"
    ),
    "mail.ru": (
        "Спасибо\n"
        "\n"
        "\n"
        "Понедельник, 3 февраля 2025, 14:05 +03:00 от Поддержка <support@example.com>:\n"
        " \n"
        ">Здравствуйте\n"
        ">\n"
        ">да\n"
        "\n"
        "\n"
        "-- \n"
        "Имя"
    ),
    "mail.ru new": (
        "Спасибо\n"
        "\n"
        "--\n"
        "Клиент\n"
        "Отправлено из Почты Mail\n"
        " \n"
        ">Понедельник, 3 февраля 2025, 14:05 +03:00 от Поддержка <support@example.com>:\n"
        "> \n"
        ">Здравствуйте\n"
    ),
    "yandex": (
        "Спасибо\n"
        "\n"
        '03.02.2025, 14:05, "Поддержка" <support@example.com>:\n'
        "Здравствуйте\n"
    ),
    "ukrnet": (
        "Дякую\n"
        "\n"
        '3 лютого 2025, 14:05:12, від "Підтримка" <support@example.com>:\n'
        "\n"
        "Вітаємо\n"
    ),
    "outlook ru": (
        "Спасибо\n"
        "\n"
        "________________________________\n"
        "От: Поддержка <support@example.com>\n"
        "Отправлено: 3 февраля 2025 г. 14:05\n"
        "Кому: Клиент <c@example.net>\n"
        "Тема: Заказ\n"
        "\n"
        "Здравствуйте"
    ),
    "outlook uk": (
        "Дякую\n"
        "\n"
        "Від: Підтримка <support@example.com>\n"
        "Надіслано: 3 лютого 2025 р. 14:05\n"
        "Кому: c@example.net\n"
        "Тема: Замовлення\n"
        "\n"
        "Вітаємо"
    ),
    "outlook en": (
        "Thanks\n"
        "\n"
        "From: Support <support@example.com>\n"
        "Sent: Monday, February 3, 2025 2:05 PM\n"
        "To: c@example.net\n"
        "Subject: Order\n"
        "\n"
        "Hello"
    ),
    "orig": (
        "Спасибо\n"
        "\n"
        "-----Исходное сообщение-----\n"
        "От: x\n"
    ),
    "apple ru": (
        "Спасибо\n"
        "\n"
        "Отправлено с iPhone\n"
        "\n"
        "> 3 февр. 2025 г., в 14:05, Поддержка <support@example.com> написал(а):\n"
        "> \n"
        "> Здравствуйте\n"
    ),
    "apple uk": (
        "Дякую\n"
        "\n"
        "Надіслано з iPhone\n"
        "\n"
        "> 3 лют. 2025 р. о 14:05 Підтримка <support@example.com> пише:\n"
        "> \n"
        "> Вітаємо"
    ),
    "gmail en": (
        "Thanks\n"
        "\n"
        "On Mon, Feb 3, 2025 at 2:05 PM Support <support@example.com> wrote:\n"
        "\n"
        "> Hello\n"
    ),
    "iphone en": (
        "Thanks\n"
        "\n"
        "Sent from my iPhone\n"
        "\n"
        "> On 3 Feb 2025, at 14:05, Support <support@example.com> wrote:\n"
        "> \n"
        "> Hello"
    ),
}  # fmt: skip


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_of_a_reply_only_what_was_added_is_kept(reply: str) -> None:
    assert trimmed(reply) in ("Спасибо!", "Спасибо", "Дякую", "Thanks")
    assert trimmed(reply.replace("\n", "\r\n").replace("\r", "")) == trimmed(reply)


def test_answers_between_the_quoted_lines_are_kept() -> None:
    reply = "On Mon, Feb 3, 2025 at 2:05 PM Support <support@example.com> wrote:\n> Size?\n\nXL\n\n> Colour?\n\nRed\n"
    assert trimmed(reply).split() == ["XL", "Red"]


def test_what_is_passed_on_is_kept() -> None:
    passed_on = "Посмотрите\n\n-------- Пересылаемое сообщение --------\nОт: x@example.net\nКому: y\nТема: z\n\nВажно"
    assert trimmed(passed_on) == passed_on


def test_what_was_passed_on_earlier_is_quoted_with_the_rest() -> None:
    earlier = "03.02.2025 14:05, Поддержка пишет:\n> a\n> -------- Пересылаемое сообщение --------\n> b"
    assert trimmed("Спасибо\n\n" + earlier) == "Спасибо"


@pytest.mark.parametrize(
    "text",
    [
        "> a\n> b",
        "-- \nName",
        "Вчера в 14:05 ваш менеджер написал:\nпозвоните завтра",
        "Order:\nDate: 5 May\nTo: Kyiv\nplease",
        "On your site I wrote:\nplease call",
        "Список:\n- один\n- два\n\nс уважением,\nИмя",
        "От меня: спасибо\nТема закрыта",
    ],
)
def test_what_only_looks_like_a_quotation_is_kept(text: str) -> None:
    assert trimmed(text).split() == text.split()


def test_a_signature_behind_its_delimiter_is_cut() -> None:
    assert trimmed("Text\n\n-- \nName\n+12125550123") == "Text"


def test_a_long_text_behind_dashes_is_no_signature() -> None:
    text = "Text\n--\n" + "word " * 100
    assert trimmed(text) == text.strip()
