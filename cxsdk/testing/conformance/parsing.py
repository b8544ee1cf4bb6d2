"""What ``parse`` owes: facts of whatever is known, BadInput for what cannot be understood, and nothing but that."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar, get_args
from unittest import mock

from cxsdk.capabilities import Inbound
from cxsdk.domain.facts import Fact
from cxsdk.domain.raw import Raw
from cxsdk.errors import BadInput
from cxsdk.testing.conformance.base import Conformance, kind
from cxsdk.testing.conformance.documents import POISON, Document, Payload, damaged, elsewhere, name_of, raw_of
from cxsdk.testing.conformance.outward import FOREIGN
from cxsdk.testing.conformance.rig import Rig, words


class ParsingConformance(Conformance):
    """The tests of ``parse``, on recorded payloads and on what the stand-in's sources bring."""

    #: What the provider really sent: JSON values, bytes, texts, paths of files, or Raw where ``parse`` needs headers.
    payloads: ClassVar[Sequence[Payload]] = ()

    @kind("facts are facts")
    def test_recorded_payloads_become_facts(self) -> None:
        """Each payload is understood; the facts have keys of their own, and moments in UTC."""
        with self.parsing() as (rig, records):
            found = [self.understood(rig, raw) for raw in records]
            self.demand(any(found), "No recorded payload brings a single fact: record some that tell of customers.")
            for fact in [fact for facts in found for fact in facts]:
                self.demand(isinstance(fact, get_args(Fact)), f"parse gave {type(fact).__name__}, which is no fact.")
                naive = [at for at in _moments(fact) if at.utcoffset() != timedelta(0)]
                self.demand(
                    not naive,
                    f"{type(fact).__name__} holds {naive[:1]}, which is not in UTC: give aware datetimes in UTC.",
                )

    @kind("parse is pure")
    def test_parse_is_pure(self) -> None:
        """The same record gives the same facts each time, without the network, and is not changed."""
        with self.parsing() as (rig, records), self.another(rig.clock) as restarted:
            for raw in records:
                before, made = raw.model_dump_json(), rig.requests_made()
                with _no_network() as calls:
                    first, again = self.understood(rig, raw), self.understood(restarted, raw)
                self.demand(
                    not calls and rig.requests_made() == made,
                    "parse asked the network: put what it needs into the record; a replay has no provider.", rig,
                )  # fmt: skip
                self.demand(
                    first == again,
                    "The same record gave other facts the second time: take keys and times from the record.",
                    first, again,
                )  # fmt: skip
                self.demand(raw.model_dump_json() == before, "parse changed the record that it was given.")

    @kind("poison is bad input")
    def test_poison_is_bad_input(self) -> None:
        """Bytes that make no sense, and payloads with parts missing, raise BadInput, or bring facts or nothing."""
        with self.parsing() as (rig, records):
            example = records[0]
            for body in POISON:
                self._parsed(rig, example.model_copy(update={"body": body}), f"the bytes {body[:30]!r}")
            for raw in records:
                for at in range(0, len(raw.body), max(len(raw.body) // 5, 1)):
                    self._parsed(rig, raw.model_copy(update={"body": raw.body[:at]}), f"a body cut after {at} bytes")
                for what, changed in damaged(raw):
                    self._parsed(rig, changed, what)

    @kind("unknown words and fields are no reason to refuse")
    def test_unknown_words_and_fields_are_no_reason_to_refuse(self) -> None:
        """Providers add fields and values: what is known of the rest is kept."""
        with self.parsing() as (rig, records):
            documents = [document for raw in records if (document := Document.of(raw))]
            if not documents:
                self.skip("No payload is JSON or a form.")
            for document in documents:
                facts = self.understood(rig, document.raw)
                for way in document.objects():
                    more = document.with_field(way, "added_lately", "x")
                    self.demand(
                        self._unrefused(rig, more, f"a new field in {name_of(way)}") == facts,
                        f"With a new field in {name_of(way)} parse gave other facts: ignore what you do not know.",
                    )
                for way in document.words():
                    other = document.with_value(way, "word_of_next_year")
                    self._unrefused(rig, other, f"{name_of(way)} holds a word that is new")

    @kind("moments of all zones")
    def test_moments_of_all_zones_are_the_same_moments(self) -> None:
        """A moment written at +05:30 is the same moment."""
        with self.parsing() as (rig, records):
            documents = [document for raw in records if (document := Document.of(raw))]
            moments = [(document, *found) for document in documents for found in document.moments()]
            if not moments:
                self.skip("No payload holds a moment with its zone.")
            for document, way, moment in moments:
                here = self.understood(rig, document.raw)
                there = self.understood(rig, document.with_value(way, elsewhere(moment)))
                self.demand(
                    here == there,
                    f"{name_of(way)} written at +05:30 gives other facts: read the offset, never cut it "
                    "off.", here, there,
                )  # fmt: skip

    @kind("letters of all languages come in")
    def test_letters_of_all_languages_come_in(self) -> None:
        """What people wrote stands in the facts as they wrote it, and may be long or empty."""
        with self.parsing() as (rig, records):
            texts = [(d, way, said) for raw in records if (d := Document.of(raw)) for way, said in d.leaves()
                     if isinstance(said, str) and self._is_text(rig, d, way, said)]  # fmt: skip
            if not texts:
                self.skip("No text of a payload is found in a fact.")
            for document, way, _ in texts:
                facts = self.understood(rig, document.with_value(way, FOREIGN))
                self.demand(
                    any(FOREIGN in words(fact) for fact in facts),
                    f"{name_of(way)} held {FOREIGN!r}, and no fact does: decode as UTF-8 and keep texts as they "
                    "are.", facts,
                )  # fmt: skip
                for size in (0, 70_000):
                    self._parsed(rig, document.with_value(way, "x" * size), f"{name_of(way)} with {size} letters")

    # -- what tests use

    @contextmanager
    def parsing(self) -> Iterator[tuple[Rig, list[Raw]]]:
        """The plugin, and the records that it gets; skips where nothing comes in."""
        if not isinstance(self.bare(), Inbound):
            self.skip("The plugin is not Inbound: nothing comes in.")
        with self.running() as rig:
            yield rig, self.records(rig)

    def records(self, rig: Rig) -> list[Raw]:
        """The recorded payloads as records, and what the sources of the stand-in hold."""
        found = [self.record(rig, payload) for payload in self.payloads]
        self.fill(rig)
        for source in rig.plugin.sources():
            found += [raw for page in self.pages(rig, source, None) for raw in page.items]
        self.demand(
            found,
            "There are no recorded payloads: give `payloads = [...]`, what the provider really sent, as JSON or bytes.",
        )
        return found

    def record(self, rig: Rig, payload: Payload) -> Raw:
        """The record that a payload becomes when it comes in."""
        return raw_of(payload)

    def pages(self, rig: Rig, source: str, cursor: str | None) -> list[Any]:
        """What a source brings after the cursor; SourceConformance looks at how."""
        raise NotImplementedError

    def understood(self, rig: Rig, raw: Raw) -> list[Fact]:
        """The facts of a record that the provider really sent."""
        try:
            return list(rig.plugin.parse(raw))
        except Exception as error:  # noqa: BLE001 - which error it is, is what is tested
            self.fail(f"A payload that the provider sent raises {type(error).__name__}: {error}", raw.body[:300])

    def _unrefused(self, rig: Rig, raw: Raw, what: str) -> list[Fact]:
        try:
            return list(rig.plugin.parse(raw))
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(
                f"parse raises {type(error).__name__} because {what}: keep what is known of the rest, or give "
                "nothing for "
                f"events that do not concern you. {error}", raw.body[:300],
            )  # fmt: skip

    def _parsed(self, rig: Rig, raw: Raw, what: str) -> None:
        try:
            facts: Iterable[Any] = list(rig.plugin.parse(raw))
        except BadInput:
            return
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(
                f"{what} raises {type(error).__name__}: raise BadInput for what cannot be understood; "
                f"`with raw.reading() as event:` does it. {error}", raw.body[:300],
            )  # fmt: skip
        for fact in facts:
            self.demand(
                isinstance(fact, get_args(Fact)), f"For {what} parse gave {type(fact).__name__}, which is no fact."
            )

    def _is_text(self, rig: Rig, document: Document, way: Any, said: str) -> bool:
        """Whether people wrote it: it stands in a fact's words, and may be anything."""
        if len(said) < 2 or not any(said in _free_text(fact) for fact in self.understood(rig, document.raw)):
            return False
        try:
            changed = list(rig.plugin.parse(document.with_value(way, said + " Ann")))
        except BadInput:
            return False
        return any(said + " Ann" in _free_text(fact) for fact in changed)


def _free_text(fact: Any) -> list[str]:
    return [getattr(fact, name, "") for name in ("text", "comment", "subject", "name")] + [
        str(value) for value in getattr(fact, "answers", {}).values()
    ]


def _moments(value: Any) -> Iterator[datetime]:
    if isinstance(value, datetime):
        yield value
    elif hasattr(type(value), "model_fields"):
        for name in type(value).model_fields:
            yield from _moments(getattr(value, name))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _moments(item)


@contextmanager
def _no_network() -> Iterator[list[str]]:
    calls: list[str] = []

    def refuse(*args: Any, **_: Any) -> Any:
        calls.append(repr(args[:1]))
        raise OSError("parse must not ask the network")

    with (
        mock.patch.object(socket, "create_connection", refuse),
        mock.patch.object(socket, "getaddrinfo", refuse),
        mock.patch.object(socket.socket, "connect", refuse),
    ):
        yield calls
