"""Customers who are asked: they answer at once, late, in parts, twice, or not at all; some want no more questions."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from cxsdk.domain.outward import Message
from cxsdk.testing.simulation.boundaries import Boundaries
from cxsdk.testing.simulation.channels import PAGES, told
from cxsdk.testing.simulation.crm import mark_of
from cxsdk.testing.simulation.manners import Manners
from cxsdk.testing.simulation.truth import Answer, Asked, Wish
from cxsdk.testing.simulation.world import World

#: The score question of each survey, its best grade, and the last one that is unhappy.
_SCALES = {"post_purchase": ("csat", 1, 3, 1), "loyalty": ("nps", 0, 10, 6), "closing": ("tnps", 0, 10, -1)}


class Respondents:
    """What becomes of messages that reach customers."""

    def __init__(self, world: World, manners: Manners, boundaries: Boundaries) -> None:
        self._world = world
        self._scene, self._truth, self._gateway = world.scene, world.truth, world.gateway
        self._manners, self._boundaries = manners, boundaries
        self.sent: dict[int, int] = {}  #: how often what agents wrote went out

    def get(self, account: str, kind: str, message: Message, id: str) -> None:
        """A message reaches its customer."""
        address = f"{kind}:{message.to}"
        if message.link is not None and message.link.startswith(PAGES):
            self._get_question(account, address, message.link, id)
            return
        mark = mark_of(message.text)
        if mark is not None:
            self.sent[mark] = self.sent.get(mark, 0) + 1
            if self.sent[mark] > 1:
                self._scene.violated(f"#{mark} was sent {self.sent[mark]} times")
            self._truth.contacts[mark].reached_at = self._scene.now

    def _get_question(self, account: str, address: str, link: str, id: str) -> None:
        _, _, rest = link.partition(PAGES)
        survey, _, token = rest.partition("/")
        if token in self._truth.asked:
            self._scene.violated(f"{address} was sent {survey} {token} twice")
            return
        asked = self._truth.asked[token] = Asked(token, survey, address, self._scene.now)
        self._manners.judge(asked, self._boundaries.pieces[-1].began_at)
        self._tell_delivery(account, asked, id)
        if not asked.bounced:
            self._react(asked)

    def _tell_delivery(self, account: str, asked: Asked, id: str) -> None:
        rng = self._scene.rng
        asked.bounced = rng.random() < 0.03
        states = ["bounced"] if asked.bounced else [s for s in ("delivered", "read") if rng.random() < 0.3]
        for state in states:
            key = f"{id}-{state}"
            fact = told("Delivery", key=key, at=self._scene.now.isoformat(), message_id=id, state=state)
            self._scene.plan_in(0, 20, partial(self._gateway.webhook, account, fact, key))

    def _react(self, asked: Asked) -> None:
        rng = self._scene.rng
        if rng.random() < 0.5:
            return
        days = rng.choices((rng.uniform(0, 1), rng.uniform(1, 5), rng.uniform(5, 40)), (75, 20, 5))[0]
        self._scene.plan(self._scene.now + timedelta(days=days), partial(self._answer, asked))

    def _answer(self, asked: Asked) -> None:
        rng = self._scene.rng
        if rng.random() < 0.05:
            self._stop(asked)
            return
        self._part(asked, score=True, words=(whole := rng.random() < 0.5))
        if not whole and rng.random() < 0.6:
            self._scene.plan_in(0, 90, partial(self._part, asked, score=False, words=True))
        if rng.random() < 0.08:
            self._scene.plan_in(1, 2000, partial(self._part, asked, score=True, words=rng.random() < 0.5))

    def _part(self, asked: Asked, *, score: bool, words: bool) -> None:
        rng, now, mark = self._scene.rng, self._scene.now, self._scene.number()
        question, worst, best, unhappy_to = _SCALES[asked.survey]
        answers: dict[str, Any] = {}
        who = self._world.people.who(asked.address)
        grade = min(best, max(worst, round(worst + (who.mood if who else 0.5) * (best - worst) + rng.gauss(0, 0.8))))
        if score and asked.survey == "closing":
            answers["solved"] = int(rng.random() < 0.8)
        elif score:
            answers[question] = grade
        if words:
            answers["comment"] = f"said #{mark}"
        wants_contact = score and asked.survey != "closing" and rng.random() < 0.03
        is_unhappy = question in answers and grade <= unhappy_to
        answer = Answer(now, mark, score, is_unhappy or wants_contact, words)
        asked.answers.append(answer)
        contact = {"phone": (who.phone or "") if who else "", "hours": "after six"} if wants_contact else None
        key = f"answer-{mark}"
        fact = told("Response", key=key, at=now.isoformat(), invitation=asked.token, answers=answers, contact=contact)
        self._gateway.webhook("office", fact, key, partial(self._said, answer))

    def _said(self, answer: Answer) -> None:
        answer.taken_at = answer.taken_at or self._scene.now

    def _stop(self, asked: Asked) -> None:
        now, key = self._scene.now, f"stop-{self._scene.number()}"
        fact = told("OptOut", key=key, at=now.isoformat(), invitation=asked.token)
        self._gateway.webhook(
            "office", fact, key, lambda: self._truth.wish(asked.address, Wish(now, True, self._scene.now))
        )
