"""Which agent is meant, and who may be given new work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

import pytest

from cxsdk import CRM, Agent, LogEntry, Person, Receipt
from cxsdk.domain.clock import ManualClock
from cxsdk.journeys.agents import FRESH, AgentBook
from cxsdk.testing import NOW


class Staff(CRM):
    """A CRM that knows agents and nothing else."""

    def open(self, context: object) -> None:
        self._agents: list[Agent] | None = [
            Agent(id="7", email="Ann@example.com", extension="101"),
            Agent(id="8", email="bob@example.com", extension="102", active=False),
        ]

    def lose_agents(self) -> None:
        """From now on the CRM cannot tell who works with it."""
        self._agents = None

    def agents(self) -> Iterable[Agent]:
        if self._agents is None:
            raise OSError("down")
        return self._agents

    def find_people(self, who: Sequence[Person]) -> Iterable[str | None]:
        return []

    def create_people(self, people: Sequence[Person]) -> Iterable[Receipt]:
        return []

    def log(self, entries: Sequence[LogEntry]) -> Iterable[Receipt]:
        return []


@pytest.fixture
def staff() -> Staff:
    staff = Staff()
    staff.open(None)
    return staff


def book_of(staff: Staff, clock: ManualClock | None = None) -> AgentBook:
    book = AgentBook(staff, clock or ManualClock(NOW))
    book.refresh()
    return book


@pytest.mark.parametrize("said", ["7", "ann@example.com", " ANN@example.com ", "101"])
def test_an_agent_is_known_by_id_mail_and_extension(staff: Staff, said: str) -> None:
    book = book_of(staff)
    assert (book.id_of(said), book.active_id_of(said)) == ("7", "7")


def test_an_agent_who_left_is_known_and_gets_no_new_work(staff: Staff) -> None:
    book = book_of(staff)
    assert (book.id_of("102"), book.active_id_of("102")) == ("8", None)


@pytest.mark.parametrize("said", ["", None, "103", "nobody@example.com"])
def test_nobody_is_nobody(staff: Staff, said: str | None) -> None:
    book = book_of(staff)
    assert (book.id_of(said), book.active_id_of(said)) == (None, None)


def test_agents_who_cannot_be_asked_for_are_remembered(staff: Staff) -> None:
    clock = ManualClock(NOW)
    book = book_of(staff, clock)
    staff.lose_agents()
    clock.advance(FRESH + timedelta(seconds=1))
    book.refresh()
    assert book.id_of("101") == "7"
