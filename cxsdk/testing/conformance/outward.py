"""What every outward method owes: receipts, in order, one each; nothing twice; nothing lost on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cxsdk.domain.outward import Receipt
from cxsdk.errors import CxsdkError, Rejected, Unsupported
from cxsdk.testing.conformance.base import Conformance, kind
from cxsdk.testing.conformance.rig import Attempt, Rig, words
from cxsdk.testing.conformance.values import RECIPIENTS, TEXT, extremes, person, sample, samples, word

#: Letters that a careless encoding loses: Cyrillic, an emoji beyond 16 bits, right to left, a combining one.
FOREIGN = "Привіт, їжаче 🦔 שלום e\u0301"
#: How many values are given to a plugin that takes any number.
MOST = 1000


class OutwardConformance(Conformance):
    """The tests of all outward methods alike."""

    #: To whom sample messages go; by default what fits the channel's ``reaches``.
    recipient: str = ""

    # -- receipts

    @kind("one receipt for each value")
    def test_one_receipt_for_each_value(self, method: str) -> None:
        """Each value gets a receipt, which names what was made."""
        self.supports(method)
        with self.running() as rig:
            values = self.values(rig, method, 3)
            attempt = rig.call(method, values)
            self._went_well(rig, method, attempt)
            got = len(attempt.receipts)
            self.demand(
                got == len(values),
                f"{method} got {len(values)} values and gave {got} receipts: yield exactly one for each value.",
                attempt, rig,
            )  # fmt: skip
            for receipt in attempt.receipts:
                self.demand(
                    isinstance(receipt, Receipt),
                    f"{method} gave {type(receipt).__name__} in place of a receipt: yield Receipt.accepted(id).",
                )
                self.demand(
                    receipt.is_done and receipt.id,
                    f"{method} gave a receipt without the provider's id: yield Receipt.accepted(id).",
                    attempt, rig,
                )  # fmt: skip

    @kind("receipts in the order of the values")
    def test_receipts_come_in_the_order_of_the_values(self, method: str) -> None:
        """The first receipt speaks of the first value, whatever order the provider answers in."""
        if self.supports(method).batch_size == 1:
            self.skip("The plugin takes one value at a time.")
        with self.running() as rig:
            values = self.values(rig, method, 3)
            attempt = rig.call(method, values)
            for number, receipt in enumerate(attempt.receipts, 1):
                if not isinstance(receipt, Receipt):
                    continue
                ids = [id for id, _ in rig.holding(word(number))]
                self.demand(
                    not ids or receipt.id in ids,
                    f"Receipt {number} of {method} names {receipt.id}, but value {number} is {', '.join(ids)} at the "
                    "provider: give receipts in the order of the values, also where it answers in another order.",
                    attempt, rig,
                )  # fmt: skip

    @kind("batches no larger than the provider takes")
    def test_a_full_batch_is_taken(self, method: str) -> None:
        """As many values as ``batch_size`` are taken in one call."""
        size = min(self.supports(method).batch_size, MOST)
        with self.running() as rig:
            attempt = rig.call(method, self.values(rig, method, size))
            self.demand(
                attempt.error is None and not any(isinstance(r, Receipt) and not r.is_done for r in attempt.receipts),
                f"{method} cannot write {size} values in one call, which batch_size promises: set batch_size to what "
                "the provider takes, or split the values into several requests.",
                attempt, rig,
            )  # fmt: skip

    @kind("one bad record does not sink the batch")
    def test_one_bad_record_does_not_sink_the_batch(self, method: str) -> None:
        """A record that the provider refuses is refused alone; the others are there once."""
        self.supports(method)
        with self.running() as rig:
            values = self.values(rig, method, 3, at_least=3)
            self.playing(rig.provider.refuse, word(2))
            outcomes = [self._outcome(rig, method, value, tried) for value, tried in self._deliver(rig, method, values)]
            self.demand(
                outcomes[1] == "rejected",
                f"{method} says {outcomes[1]} of a record that the provider refuses: raise Rejected, or yield "
                "Receipt.rejected(reason), so that it is set aside with the reason.",
                rig,
            )
            for number in (1, 3):
                there = len(rig.holding(word(number)))
                self.demand(
                    there == 1 and outcomes[number - 1] == "done",
                    f"Beside a bad record, value {number} of {method} is {outcomes[number - 1]} and there {there} "
                    "times: "
                    "a refusal must speak of its own record alone; yield the receipts of the others.",
                    rig,
                )

    # -- once

    @kind("nothing twice after an unknown outcome")
    def test_nothing_is_twice_after_an_unknown_outcome(self, method: str) -> None:
        """``duplicates`` is true: what was sent, and nobody knows whether it arrived, is not made again."""
        cls = self.supports(method)
        finds = cls.supports("find_written")
        if cls.duplicates == "none":
            self.demand(not finds, 'find_written is there, but duplicates is "none": declare duplicates = "lookup".')
            self.skip('The plugin declares duplicates = "none": a lost answer may make a double.')
        self.demand(
            finds or cls.duplicates == "upsert",
            'duplicates = "lookup" needs find_written(keys): write it, or declare "none".',
        )
        with self.running() as rig:
            [value] = self.values(rig, method, 1)
            self._send_and_lose_the_answer(rig, method, value)
            with self.another(rig.clock) as restarted:
                check = self._sent_again if cls.duplicates == "upsert" else self._looked_up
                check(restarted, method, value)

    def _send_and_lose_the_answer(self, rig: Rig, method: str, value: Any) -> None:
        rig.call(method, [value])  # that the answer is unknown is another test's business: here, nobody remembers it
        self.demand(
            len(rig.holding(word(1))) == 1,
            f"{method} wrote nothing that records() of the stand-in shows: let records() give all that was made.",
            rig,
        )

    def _sent_again(self, rig: Rig, method: str, value: Any) -> None:
        again = rig.call(method, [value])
        there = rig.holding(word(1))
        self.demand(
            len(there) == 1,
            f'The same {type(value).__name__} sent again is there {len(there)} times, but duplicates is "upsert": '
            'write its key into the field by which the provider keeps it single, or declare "lookup" or "none".',
            again, rig,
        )  # fmt: skip
        self.demand(
            again.is_done and again.receipts[0].id == there[0][0],
            "A value that is there already must be accepted again, or be a Receipt.duplicate, with the id that it has.",
            again, rig,
        )  # fmt: skip

    def _looked_up(self, rig: Rig, method: str, value: Any) -> None:
        rig.clock.advance(rig.plugin.lookup_lag)
        found = self.asked("find_written", lambda: rig.plugin.find_written(["never-written", value.key]))
        [(id, _)] = rig.holding(word(1))
        self.demand(
            found == [None, id],
            "find_written was asked for a key that was never written and for that of a written "
            f"{type(value).__name__}, "
            f"and gave {found} in place of [None, {id!r}]: look the key up where {method} writes it, in the order "
            "asked.",
            rig,
        )

    # -- what is written

    @kind("letters of all languages")
    def test_letters_of_all_languages_arrive(self, method: str) -> None:
        """Cyrillic, emoji and right-to-left text reach the provider as they are."""
        self.supports(method)
        with self.running() as rig:
            text = f"{word(1)} {FOREIGN}"
            attempt = rig.call(method, [self.value(rig, method, 1, **{TEXT[method]: text})])
            self._went_well(rig, method, attempt)
            written = "\n".join(words(record) for _, record in rig.holding(word(1)))
            self.demand(
                all(part in written for part in FOREIGN.split()),
                f"{method} was given {FOREIGN!r}, and something else is there: send text as UTF-8, unchanged.",
                written[:300], rig,
            )  # fmt: skip

    @kind("huge and empty fields")
    def test_huge_and_empty_fields_are_written_or_refused(self, method: str) -> None:
        """Optional fields may be empty, texts long: neither makes the plugin fail."""
        self.supports(method)
        for what, fields in extremes(method).items():
            with self.running() as rig:
                attempt = rig.call(method, [self.value(rig, method, 1, **fields)])
                told = attempt.is_done or (attempt.is_refused and what == "huge")
                self.demand(
                    told,
                    f"{method} does not write a value with {what} fields: leave empty fields out, and cut or refuse "
                    "(Receipt.rejected) what is too long for the provider.",
                    attempt, rig,
                )  # fmt: skip

    # -- what tests use

    def exercise(self, rig: Rig) -> Iterator[tuple[str, Attempt]]:
        """One value for each method."""
        for method in self.methods:
            if type(rig.plugin).supports(method):
                yield method, rig.call(method, self.values(rig, method, 1))

    def values(self, rig: Rig, method: str, count: int, *, at_least: int = 1) -> Sequence[Any]:
        """So many sample values, or as many as one call takes."""
        count = max(min(count, rig.plugin.batch_size), at_least)
        return samples(method, count, self.target(rig, method))

    def value(self, rig: Rig, method: str, number: int, **fields: Any) -> Any:
        """One sample value with these fields."""
        return sample(method, number, self.target(rig, method), **fields)

    def target(self, rig: Rig, method: str) -> str:
        """Of whom a value speaks: a person at the CRM, or a message's recipient."""
        if method == "send":
            return self.recipient or RECIPIENTS.get(rig.plugin.reaches, "")
        if method == "create_people":
            return ""
        attempt = rig.call("create_people", [person(90)])
        return str(attempt.receipts[0].id) if attempt.is_done else "person-90"

    def _went_well(self, rig: Rig, method: str, attempt: Attempt) -> None:
        self.demand(
            attempt.error is None,
            f"{method} failed with {type(attempt.error).__name__}, although the provider took everything: see the "
            "error.",
            attempt, rig,
        )  # fmt: skip

    def _deliver(self, rig: Rig, method: str, values: Sequence[Any]) -> list[tuple[Any, Attempt]]:
        """As the core does it: what is refused together is tried again one by one."""
        done: list[tuple[Any, Attempt]] = []
        size = rig.plugin.batch_size
        for batch in [values[start : start + size] for start in range(0, len(values), size)]:
            attempt = rig.call(method, batch)
            done += [(v, Attempt([v], [r])) for v, r in zip(batch, attempt.receipts, strict=False)]
            rest = batch[len(attempt.receipts) :]
            together = isinstance(attempt.error, (Rejected, Unsupported)) and len(rest) > 1
            done += [(v, rig.call(method, [v]) if together else Attempt([v], [], attempt.error)) for v in rest]
        return done

    def _outcome(self, rig: Rig, method: str, value: Any, attempt: Attempt) -> str:
        if attempt.is_refused:
            return "rejected"
        if attempt.is_done:
            return "done"
        return str(attempt) if isinstance(attempt.error, CxsdkError) or attempt.receipts else repr(attempt.error)
