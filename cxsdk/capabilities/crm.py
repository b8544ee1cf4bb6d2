"""The CRM a company already has: people, entries on their timeline, tasks, agents."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import ClassVar, Literal

from cxsdk.capabilities.plugin import Plugin
from cxsdk.domain.case import Task
from cxsdk.domain.identity import Agent, Person
from cxsdk.domain.outward import LogEntry, Receipt


class CRM(Plugin):
    """One CRM account.

    Outward methods get at most ``batch_size`` values and return receipts in that order. Yield them one by one: what
    was yielded before an exception counts, and the exception speaks of every value without a receipt.
    """

    #: How a value sent twice stays single: ``upsert``: sending the same key again changes nothing; ``lookup``:
    #: ``find_written`` finds it by its key; ``none``: neither, so that a lost answer may make a double.
    duplicates: ClassVar[Literal["upsert", "lookup", "none"]] = "none"
    #: How long after a write ``find_written`` may still not see it.
    lookup_lag: ClassVar[timedelta] = timedelta(0)
    #: Whether ``log`` can change an entry it made; where not, what becomes known later is added as a note.
    updates_entries: ClassVar[bool] = True

    @abstractmethod
    def find_people(self, who: Sequence[Person]) -> Iterable[str | None]:
        """For each person, the CRM's id of whoever has one of these identities, or None. Reads only.

        They bear those identities alone that are known to be theirs.
        """

    @abstractmethod
    def create_people(self, people: Sequence[Person]) -> Iterable[Receipt]:
        """Creates a lead with a responsible agent for each; the receipt brings the CRM's id.

        ``agent_id`` suggests who: the agent who talked to the customer, where there is one. Without a suggestion, or
        where the CRM has rules of its own, those decide.
        """

    @abstractmethod
    def log(self, entries: Sequence[LogEntry]) -> Iterable[Receipt]:
        """Puts entries on their people's timelines, or updates those that have an ``entry_id``."""

    def save_tasks(self, tasks: Sequence[Task]) -> Iterable[Receipt]:
        """Creates tasks, or updates those that have a ``task_id``.

        A task that names no agent is for whoever is responsible for its person, as the CRM knows it at that moment.
        """
        raise NotImplementedError

    def agents(self) -> Iterable[Agent]:
        """The people who work with this CRM."""
        raise NotImplementedError

    def find_written(self, keys: Sequence[str]) -> Iterable[str | None]:
        """For each of our keys, the CRM's id of what was written under it, or None; for ``duplicates = "lookup"``."""
        raise NotImplementedError
