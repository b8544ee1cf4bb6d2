"""What a channel owes besides: messages of the length it declares, deliveries that are matched, taps that answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

from cxsdk.domain.facts import Delivery, DeliveryState
from cxsdk.domain.outward import Choice
from cxsdk.domain.survey import Response
from cxsdk.testing.conformance.base import kind
from cxsdk.testing.conformance.faults import FaultConformance
from cxsdk.testing.conformance.rig import Rig, words
from cxsdk.testing.conformance.settings import PluginConformance
from cxsdk.testing.conformance.values import word
from cxsdk.testing.conformance.webhook import WebhookConformance
from cxsdk.testing.stand_in import CannotPlay


class ChannelConformance(FaultConformance, PluginConformance, WebhookConformance):
    """All tests of a channel plugin."""

    methods: ClassVar[Sequence[str]] = ("send",)

    @kind("messages of the declared length")
    def test_a_message_of_the_declared_length_is_taken_whole(self) -> None:
        """``message_length`` UTF-16 units go out in one message, letters and emoji alike."""
        limit = self.supports("send").message_length
        if limit is None:
            self.skip("The plugin declares no message_length.")
        for filling in ("x", "🦔"):
            with self.running() as rig:
                text = word(1) + " " + filling * ((limit - len(word(1)) - 1) // (len(filling.encode("utf-16-le")) // 2))
                attempt = rig.call("send", [self.value(rig, "send", 1, text=text)])
                there = [words(record) for _, record in rig.holding(word(1))]
                self.demand(
                    attempt.is_done and any(text in each for each in there),
                    f"A text of {limit} UTF-16 units, which message_length promises, does not go out whole: "
                    "declare what the "
                    "provider takes in one call.",
                    attempt,
                )

    @kind("deliveries are matched")
    def test_a_delivery_is_matched_with_its_message(self) -> None:
        """What the provider tells of a message names it by the id that its receipt had."""
        self.supports("send")
        with self.running() as rig:
            sent = self._sent(rig)
            try:
                told = rig.provider.delivery(sent)
            except CannotPlay:
                self._tells_of_none(rig, sent)
            facts = [fact for fact in self.understood(rig, self.record(rig, told)) if isinstance(fact, Delivery)]
            self.demand(
                [fact.message_id for fact in facts] == [sent] and facts[0].state is DeliveryState.DELIVERED,
                f"The message's receipt had the id {sent}, and the provider told that it was delivered: parse "
                "must give "
                f"Delivery(message_id={sent!r}, state='delivered').",
                facts,
            )

    @kind("taps answer")
    def test_a_tap_answers(self) -> None:
        """With ``inline_answers``, a tapped button comes back as a Response to the invitation that its data names."""
        if not self.supports("send").inline_answers:
            self.skip("The plugin declares no inline_answers.")
        with self.running() as rig:
            choices = tuple(Choice(label=str(n), data=f"tok{n}:nps:{n}") for n in range(11))
            sent = self._sent(rig, choices=choices)
            told = self.promised(rig.provider.tap, sent, choices[9].data)
            answers = [fact for fact in self.understood(rig, self.record(rig, told)) if isinstance(fact, Response)]
            self.demand(
                [(a.invitation, dict(a.answers)) for a in answers] == [("tok9", {"nps": 9})],
                "The button with the data 'tok9:nps:9' was tapped: parse must give Response(invitation='tok9', "
                "answers={'nps': 9}).",
                answers, rig,
            )  # fmt: skip

    def _sent(self, rig: Rig, **fields: Any) -> str:
        attempt = rig.call("send", [self.value(rig, "send", 1, **fields)])
        self.demand(attempt.is_done and attempt.receipts[0].id, "send did not send a plain message.", attempt, rig)
        return str(attempt.receipts[0].id)

    def _tells_of_none(self, rig: Rig, sent: str) -> NoReturn:
        records = [self.record(rig, payload) for payload in self.payloads]
        if any(isinstance(fact, Delivery) for raw in records for fact in self.understood(rig, raw)):
            self.promised(rig.provider.delivery, sent)
        self.skip("No payload tells of a delivery.")
