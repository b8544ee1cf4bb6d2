"""What sample customers and agents write, in the languages that the demo speaks."""

from __future__ import annotations

from cxsdk.demo.ledger import Way

_SAID: dict[str, dict[str, dict[Way, str]]] = {
    "en": {
        "delivery": {Way.IN: "When will my parcel be here?", Way.OUT: "It left us today and takes three days."},
        "stock": {Way.IN: "Do you have this album on vinyl too?", Way.OUT: "Not yet, we have ordered it."},
        "invoice": {Way.IN: "Please send me the invoice.", Way.OUT: "Here it is, to the name on the order."},
        "damage": {Way.IN: "One of the cases came broken.", Way.OUT: "We are sorry. A new one is on its way."},
        "thanks": {Way.IN: "All is fine, thank you!", Way.OUT: "We are glad to hear it."},
        "follow_up": {Way.OUT: "We read your answer and would like to set things right."},
    },
    "uk": {
        "delivery": {Way.IN: "Коли прийде моя посилка?", Way.OUT: "Її відправлено сьогодні, буде за три дні."},
        "stock": {Way.IN: "Чи є цей альбом на вінілі?", Way.OUT: "Ще ні, ми його замовили."},
        "invoice": {Way.IN: "Надішліть, будь ласка, рахунок.", Way.OUT: "Ось він, на ім'я із замовлення."},
        "damage": {Way.IN: "Одна з коробок прийшла розбита.", Way.OUT: "Вибачте. Нова вже в дорозі."},
        "thanks": {Way.IN: "Усе гаразд, дякую!", Way.OUT: "Раді це чути."},
        "follow_up": {Way.OUT: "Ми прочитали вашу відповідь і хочемо все виправити."},
    },
    "ru": {
        "delivery": {Way.IN: "Когда придёт моя посылка?", Way.OUT: "Она отправлена сегодня, будет через три дня."},
        "stock": {Way.IN: "Есть ли этот альбом на виниле?", Way.OUT: "Ещё нет, мы его заказали."},
        "invoice": {Way.IN: "Пришлите, пожалуйста, счёт.", Way.OUT: "Вот он, на имя из заказа."},
        "damage": {Way.IN: "Одна из коробок пришла разбитой.", Way.OUT: "Извините. Новая уже в пути."},
        "thanks": {Way.IN: "Всё хорошо, спасибо!", Way.OUT: "Рады это слышать."},
        "follow_up": {Way.OUT: "Мы прочитали ваш ответ и хотим всё исправить."},
    },
}
_UNHAPPY = {
    "en": "It came late and nobody told me.",
    "uk": "Прийшло пізно, і ніхто не попередив.",
    "ru": "Пришло поздно, и никто не предупредил.",
}
_HAPPY = {"en": "Quick and friendly.", "uk": "Швидко та привітно.", "ru": "Быстро и приветливо."}


def said(language: str, about: str, way: Way) -> str:
    """A sentence about a topic."""
    return _SAID[language][about][way]


def subject(language: str, about: str) -> str:
    """What stands above a letter about a topic: the words with which it began."""
    return next(iter(_SAID[language][about].values()))


def opinion(language: str, *, happy: bool) -> str:
    """What somebody writes into a survey."""
    return (_HAPPY if happy else _UNHAPPY)[language]
