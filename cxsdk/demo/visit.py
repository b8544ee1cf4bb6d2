"""A visit to the survey page: the form is fetched, filled in and sent, step by step, as a browser does."""

from __future__ import annotations

import re
from urllib.parse import urlencode, urljoin, urlsplit

from cxsdk.demo.people import SampleCustomer
from cxsdk.demo.wire import Answer, Sending, Wire
from cxsdk.demo.words import opinion

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_CHOICE = re.compile(r'<input type="radio" name="q_(\w+)" value="(\d+)"[^>]*?( checked)?>')
_WORDS = re.compile(r'<textarea id="(\w+)"')
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}

#: How often an unhappy customer asks to be contacted, and a happy one.
_WANTS_CONTACT = (0.2, 0.01)
#: How often somebody has said enough with the score.
_ENOUGH = 0.5
#: How often a task that is done has solved the problem, as the customer sees it.
_SOLVED = 0.85
#: The first grade of ten at which nobody is called unhappy.
_UNHAPPY_BELOW = 0.65
#: A form has two steps; the third page says thanks.
_PAGES = 4


class Visitor:
    """A customer in front of the page."""

    def __init__(self, wire: Wire, customer: SampleCustomer, about: str) -> None:
        self._wire = wire
        self._customer = customer
        self._rng = customer.rng("answer", about)
        self._mood = min(1.0, max(0.0, self._rng.gauss(customer.content, 0.12)))

    def grade(self, question: str, grades: list[int]) -> int:
        """The grade that this customer gives now."""
        if question == "solved":
            return int(self._rng.random() < _SOLVED)
        return grades[round(self._mood * (len(grades) - 1))]

    def answer(self, link: str) -> list[Answer]:
        """Opens a link, answers what is asked, and returns the answers to what was sent."""
        address, sent = _path(link), []
        for _ in range(_PAGES):
            html = self._wire.send(Sending(address, method="GET")).body.decode()
            form = self._filled(html)
            if not form:
                break
            sent.append(self._wire.send(Sending(address, urlencode(form).encode(), _FORM)))
            if not sent[-1].location:
                break
            address = urljoin(address, sent[-1].location)
            if self._rng.random() < _ENOUGH:
                break
        return sent

    def _filled(self, html: str) -> dict[str, str]:
        form = dict(_HIDDEN.findall(html))
        if "nonce" not in form:
            return {}
        for question, grades in _grades(html).items():
            form[f"q_{question}"] = str(
                next((g for g, is_chosen in grades if is_chosen), None) or self._choose(question, grades)
            )
        is_happy = self._mood >= _UNHAPPY_BELOW
        words = _WORDS.findall(html)
        if words and self._rng.random() < 0.5:
            form[words[0]] = opinion(self._customer.language, happy=is_happy)
        if 'name="contact"' in html and self._rng.random() < _WANTS_CONTACT[is_happy]:
            form |= {"contact": "on", "phone": self._customer.phone or "", "hours": "after 6 pm"}
        return form

    def _choose(self, question: str, grades: list[tuple[int, bool]]) -> int:
        return self.grade(question, sorted(grade for grade, _ in grades))


def _grades(html: str) -> dict[str, list[tuple[int, bool]]]:
    found: dict[str, list[tuple[int, bool]]] = {}
    for question, grade, chosen in _CHOICE.findall(html):
        found.setdefault(question, []).append((int(grade), bool(chosen)))
    return found


def _path(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def choose_tap(visitor: Visitor, data: list[str]) -> str:
    """The button that a customer taps, of ``token:question:grade``."""
    question = data[0].split(":")[-2]
    by_grade = {int(each.rpartition(":")[2]): each for each in data}
    return by_grade[visitor.grade(question, sorted(by_grade))]
