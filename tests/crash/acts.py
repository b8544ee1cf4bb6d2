"""What makes a process pass a point: something at stake, before, while and after it is killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.crash import commands, deeds, granted
from tests.crash.world import World

Deed = Callable[[World, str], None]


def _nothing(world: World, who: str) -> None:
    """The start of the process is enough."""


@dataclass(frozen=True)
class Act:
    """``before``: all processes are well. ``meanwhile``: one waits to be killed. ``after``: all is settled again."""

    role: str  #: whose process is killed; ``command``: one that ``meanwhile`` runs
    meanwhile: Callable[..., None] = _nothing
    before: Deed = _nothing
    after: Deed = _nothing
    while_down: bool = False  #: whether ``meanwhile`` comes before the start of the process


ACTS = {
    "start": Act("clock"),
    "crowd": Act("web", deeds.crowd),
    "ring": Act("web", deeds.row),
    "letters": Act("clock", deeds.letters, while_down=True),
    "letters later": Act("clock", deeds.letters_later, while_down=True),
    "missed call": Act("worker", deeds.missed_call),
    "two contacts": Act("worker", deeds.two_contacts),
    "odd answer": Act("worker", deeds.odd_contact, after=deeds.drop_the_odd),
    "message": Act("worker", deeds.message),
    "lost message": Act("worker", deeds.lost_message),
    "many messages": Act("worker", deeds.many_messages),
    "doubtful message": Act("worker", deeds.doubtful_message, after=deeds.drop_the_doubtful),
    "purchase": Act("worker", deeds.purchase),
    "unhappy answer": Act("worker", deeds.unhappy_answer, before=deeds.purchase),
    "task done": Act("worker", deeds.task_done, before=deeds.purchase_and_answer),
    "opt-out": Act("worker", deeds.opting_out, before=deeds.missed_call, after=deeds.buying_unasked),
    "merge": Act("worker", deeds.merge, before=deeds.two_people, after=deeds.follow_the_merge),
    "erasure": Act("worker", deeds.erase, before=deeds.missed_call, after=deeds.nobody_is_left),
    "broken customer": Act("worker", deeds.buy, before=deeds.broken_customer, after=deeds.mend_and_retry),
    "retry by name": Act("command", commands.retry_by_name, before=deeds.refused_contact),
    "retry all": Act("command", commands.retry_all, before=deeds.refused_contact),
    "replay since": Act("command", commands.replay_since, before=deeds.missed_call),
    "replay one": Act("command", commands.replay_one, before=deeds.missed_call),
    "erase": Act("command", commands.erase_by_command, before=deeds.missed_call),
    "create token": Act("command", commands.create_token),
    "revoke token": Act("command", commands.revoke_token),
    "token ends": Act("clock", before=granted.short_lived, after=granted.works_again),
    "token ends in an outage": Act(
        "clock", granted.outage, before=granted.short_lived, after=granted.works_again, while_down=True
    ),
    "access withdrawn": Act(
        "clock", granted.withdraw, before=granted.short_lived, after=granted.connected_again, while_down=True
    ),
    "connect": Act("command", granted.connect_twice),
    "rotate keys": Act("command", granted.rotate_keys, before=granted.connect),
    "upgrade": Act("command", commands.upgrade),
    "put back": Act("command", commands.put_back),
}
