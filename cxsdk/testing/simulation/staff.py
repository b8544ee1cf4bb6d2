"""The CRM's users: agents who work off tasks, and whoever tidies up its people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial

from cxsdk.domain.identity import Person
from cxsdk.testing.simulation.crm import Books, Record
from cxsdk.testing.simulation.people import Customer
from cxsdk.testing.simulation.truth import FORGETTING
from cxsdk.testing.simulation.world import World


class Staff:
    """What they do with what they find in the CRM."""

    def __init__(self, world: World, books: Books) -> None:
        self._world, self._scene, self._books = world, world.scene, books
        self._threw_away: set[str] = set()
        books.on_task = self._take_on

    def _take_on(self, task: Record) -> None:
        """Most begin with a word to the customer; some are done without, late, thrown away once, or never done."""
        rng = self._scene.rng
        how = rng.choices(("talk", "done", "late", "delete", "never"), (60, 16, 10, 8, 6))[0]
        if how == "delete" and task.person not in self._threw_away:
            self._threw_away.add(task.person)
            self._scene.plan_in(1, 300, partial(self._books.finish, task.id, deleted=True))
            return
        if how == "talk":
            self._scene.plan_in(1, 100, partial(self._get_in_touch, task))
        if how != "never":
            longest = 5000 if how == "late" else 400
            self._scene.plan_in(100, longest, partial(self._books.finish, task.id, deleted=False))

    def _get_in_touch(self, task: Record) -> None:
        who = self._customer(task.person)
        if who is None:
            return
        if who.phone:
            self._world.call(who, outbound=True)
        elif who.email:
            self._world.letter(who, outbound=True)
        else:
            self._world.write(who, "telegram")

    def _customer(self, person: str) -> Customer | None:
        for address in self._addresses(person):
            if (who := self._world.people.who(address)) is not None:
                return who
        return None

    def _addresses(self, person: str) -> list[str]:
        """By which the CRM knows them, and with which they were created: others may have been known by those before."""
        current = self._books.current(person)
        known = [address for address, id in self._books.known.items() if self._books.current(id) == current]
        record = self._books.records.get(current)
        return [*known, *(str(identity) for identity in record.value.identities)] if record else known

    # Tidying up

    def merge_two(self) -> None:
        """Somebody finds that two people are one."""
        lost, kept = self._pick(), self._pick()
        if lost and kept and lost != kept:
            self._world.truth.ever.join([*self._addresses(kept), *self._addresses(lost)])
            self._books.merge(lost, kept)

    def erase_one(self) -> None:
        """Somebody asks to be forgotten, and is not heard of for some days."""
        person = self._pick()
        if person is None:
            return
        addresses, truth = self._addresses(person), self._world.truth
        roots = {truth.ever.root(address) for address in addresses}

        def is_theirs(some: Iterable[str]) -> bool:
            return not roots.isdisjoint(truth.ever.root(address) for address in some)

        for one in self._world.people.everybody:
            if is_theirs(one.addresses):
                one.quiet_until = self._scene.now + FORGETTING + timedelta(hours=1)
        # Here they may have been one with another person of the CRM, who keeps what is forgotten with them here: if it
        # is told again, it is new
        self._books.excused.update(f"#{mark}" for mark, told in truth.contacts.items() if is_theirs(told.addresses))
        truth.erase(addresses, self._scene.now)
        self._books.erase(person)

    def _pick(self) -> str | None:
        people = [record.id for record in self._books.of(Person)[-60:] if record.value.identities]
        return self._scene.rng.choice(people) if people else None
