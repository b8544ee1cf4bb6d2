"""The agents: they see tasks in the CRM, get in touch, and mark them as done; some late, one throws a task away."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from cxsdk.demo.agenda import Agenda
from cxsdk.demo.chance import chance
from cxsdk.demo.hours import next_busy
from cxsdk.demo.ledger import Way
from cxsdk.demo.people import SampleCustomer
from cxsdk.demo.stories import Contact, Medium
from cxsdk_localcrm import LocalCRM

_WHO = re.compile(r"customer\d+@example\.org|\+1\d{10}")
#: Of a hundred tasks: how many begin with a word to the customer, are done without one, and are done days late.
_IN_TOUCH, _SILENT, _LATE = 80, 12, 6


#: Puts a contact on the agenda of whoever makes it.
Planner = Callable[[Contact], None]


class Agents:
    """What agents do about tasks."""

    def __init__(self, crm: LocalCRM, agenda: Agenda, plan: Planner, customers: Sequence[SampleCustomer]) -> None:
        self._crm = crm
        self._agenda = agenda
        self._plan = plan
        self._by_identity = {
            known: customer for customer in customers for known in (customer.email, customer.phone) if known
        }
        self.news: set[str] = set()  #: the source of task changes, if there is one that nobody has read
        self._saved = 0
        self._seen: set[str] = set()

    def look(self, now: datetime) -> None:
        """Takes note of tasks that are new in the CRM."""
        saved = self._crm.calls().get("save_tasks", 0)
        if saved == self._saved:
            return
        self._saved = saved
        for task in list(self._crm.tasks()):
            if task["id"] not in self._seen:
                self._seen.add(task["id"])
                self._take_on(task, now)

    def act(self, things: Sequence[tuple[str, str]], now: datetime) -> None:
        """Marks tasks as done, or deletes them."""
        self.news.add("tasks")
        for what, task in things:
            if what == "delete":
                self._crm.delete_task(task)
            else:
                self._crm.complete_task(task, "Talked it over with the customer.")

    def _take_on(self, task: dict[str, Any], now: datetime) -> None:
        found = _WHO.search(task["text"])
        customer = self._by_identity.get(found[0]) if found else None
        rng = customer.rng("task", task["key"]) if customer else chance(task["key"])
        draw = rng.randrange(100)
        if customer and draw < _IN_TOUCH:
            self._plan(_contact(customer, now, rng))
        if draw < _IN_TOUCH + _SILENT:
            self._agenda.add(now + timedelta(hours=2, minutes=-rng.randint(1, 14)), self, ("done", task["id"]))
        elif draw < _IN_TOUCH + _SILENT + _LATE:
            self._agenda.add(next_busy(now, rng, skip=rng.randint(1, 3)), self, ("done", task["id"]))
        else:
            self._agenda.add(next_busy(now, rng), self, ("delete", task["id"]))


def _contact(customer: SampleCustomer, now: datetime, rng: Random) -> Contact:
    calls = customer.email is None or (customer.phone and rng.random() < 0.8)
    medium = Medium.CALL if calls else Medium.MAIL
    return Contact(now + timedelta(minutes=rng.randint(16, 29)), customer, medium, Way.OUT, "follow_up")
