"""What is at stake: things that happen to a customer, and what must be at the vendor because of them."""

from __future__ import annotations

import time
from typing import Any

from tests.crash.deployment import APP
from tests.crash.vendor import LOST, ODD, REFUSED
from tests.crash.world import World

# Contacts


def _contact(world: World, who: str, text: str, **more: Any) -> None:
    world.expect(f"{who} person", f"{who} entry {text}")
    world.post("InteractionFact", **letter(who, text), **more)


def letter(who: str, text: str) -> dict[str, Any]:
    """An event: somebody writes to the company."""
    sender = {"kind": "line", "value": who}
    return {"key": f"{who}-{text}", "at": time.time(), "direction": "inbound", "sender": sender, "text": text}


def missed_call(world: World, who: str) -> None:
    """A stranger calls, and nobody answers: a person, an entry, and a task to call back."""
    _contact(world, who, "call", kind="call", state="missed")
    world.expect(f"{who} task")


def two_contacts(world: World, who: str) -> None:
    """A stranger writes twice in a moment: one person, two entries."""
    missed_call(world, who)
    world.expect(f"{who} entry more")
    world.post("InteractionFact", **letter(who, "more"))


def crowd(world: World, who: str) -> None:
    """Many write in the same moment, and send again what was not acknowledged."""
    people = [f"{who}x{number}" for number in range(12)]
    for each in people:
        world.expect(f"{each} person", f"{each} entry in a crowd")
    world.post_together("InteractionFact", *(letter(each, "in a crowd") for each in people))


def row(world: World, who: str) -> None:
    """Several write one after the other: the clock may ring for one of them before web does, but not for all."""
    for number in range(4):
        each = f"{who}y{number}"
        world.expect(f"{each} person", f"{each} entry in a row")
        world.post("InteractionFact", **letter(each, "in a row"))
        time.sleep(0.05)


def letters(world: World, who: str) -> None:
    """Letters lie in a mailbox that is read page by page, with a pause in between."""
    world.expect(f"{who} person", f"{who} entry one", f"{who} entry two")
    for text, pause_s in (("one", 0.6), ("two", 0)):
        world.vendor.letters.append({"fact": "InteractionFact", "pause_s": pause_s, **letter(who, text)})


def letters_later(world: World, who: str) -> None:
    """Letters lie in a mailbox that cannot be read at first, not even where it is asked again at once."""
    world.vendor.unreadable = 3
    letters(world, who)


def refused_contact(world: World, who: str) -> None:
    """An entry that the CRM does not take, until somebody has mended it."""
    world.vendor.is_mended = False
    world.expect(f"{who} person")
    world.post("InteractionFact", **letter(who, REFUSED))
    world.until(world.aside, "the refusal")


def odd_contact(world: World, who: str) -> None:
    """The CRM takes an entry, and what it answers can be kept nowhere."""
    _contact(world, who, ODD)


def drop_the_odd(world: World, who: str) -> None:
    """It stands in the CRM and is listed as set aside: somebody has a look, and drops it."""
    [row] = world.aside_names()
    world.processes.command("dead", "drop", row, "--yes", APP)


# Messages


def message(world: World, who: str, text: str = "hello", channel: str = "line") -> None:
    """An agent writes to somebody."""
    _expect_message(world, who, text)
    world.post("MessageRequest", **_request(who, text, channel))


def _expect_message(world: World, who: str, text: str) -> None:
    world.expect(f"{who} person", f"{who} message {text}", f"{who} entry {text}")


def _request(who: str, text: str, channel: str) -> dict[str, Any]:
    customer = [{"kind": "line", "value": who}]
    return {"key": f"{who}-{text}", "at": time.time(), "customer": customer, "text": text, "channel": channel}


def lost_message(world: World, who: str) -> None:
    """The messenger loses a message, and says only that something went wrong."""
    message(world, who, LOST)


def many_messages(world: World, who: str) -> None:
    """More than the messenger takes at once."""
    people = [f"{who}x{number}" for number in range(4)]
    for each in people:
        _expect_message(world, each, "hello")
    world.post_together("MessageRequest", *(_request(each, "hello", "pager") for each in people))


def doubtful_message(world: World, who: str) -> None:
    """A message over a channel that cannot tell what it has sent: once at the most."""
    world.post("MessageRequest", **_request(who, "careful", "sms"))


def drop_the_doubtful(world: World, who: str) -> None:
    """It is listed, for a person to decide."""
    [(_, id, reason)] = world.aside()
    assert "it may have been sent" in reason
    world.processes.command("dead", "drop", f"outbox:{id}", "--yes", APP)


# Surveys and cases


def purchase(world: World, who: str) -> None:
    """Somebody buys something, and is asked how it went."""
    world.expect(f"{who} person", f"{who} question", f"{who} survey outbound")
    buy(world, who)


def buy(world: World, who: str) -> None:
    """Somebody buys something; what comes of it, says whoever calls this."""
    customer = [{"kind": "line", "value": who}]
    world.post("BusinessEvent", key=f"{who}-order", kind="purchase", customer=customer, order=f"{who}-order")


def unhappy_answer(world: World, who: str) -> None:
    """The answer is bad: a case, and a task."""
    [question] = world.vendor.values(f"{who} question")
    world.expect(f"{who} survey inbound", f"{who} task")
    world.answer(question["link"], q_csat="1", q_comment="late and broken")


def purchase_and_answer(world: World, who: str) -> None:
    """All of it."""
    purchase(world, who)
    world.settle()
    unhappy_answer(world, who)


def task_done(world: World, who: str) -> None:
    """An agent has done the task, and the customer is asked whether it is solved."""
    world.expect(f"{who} question", f"{who} survey outbound")
    world.vendor.finish_task(who)


def opting_out(world: World, who: str) -> None:
    """Somebody wants no questions."""
    world.post("OptOut", key=f"{who}-stop", customer=[{"kind": "line", "value": who}])


def buying_unasked(world: World, who: str) -> None:
    """They buy, and are not asked."""
    world.unwanted.add(f"{who} question")
    buy(world, who)


def broken_customer(world: World, who: str) -> None:
    """A customer of whom something stands in the database that no code of ours can have written."""
    missed_call(world, who)
    world.settle()
    [(id,)] = world.rows("SELECT customer_id FROM identities WHERE value = :who", who=who)
    world.change("UPDATE customers SET time_zone = 'Mars/Olympus' WHERE id = :id", id=id)


def mend_and_retry(world: World, who: str) -> None:
    """It was set aside, and goes on once it is mended."""
    world.change("UPDATE customers SET time_zone = NULL WHERE time_zone = 'Mars/Olympus'")
    world.expect(f"{who} question", f"{who} survey outbound")
    world.processes.command("dead", "retry", *world.aside_names(), APP)


# People


def two_people(world: World, who: str) -> None:
    """Two strangers."""
    missed_call(world, who)
    missed_call(world, f"{who}x")


def merge(world: World, who: str) -> None:
    """The CRM makes them one."""
    world.vendor.merge(f"{who}x", who)


def follow_the_merge(world: World, who: str) -> None:
    """What comes from now on goes to the one that was kept."""
    world.until(lambda: _is_known(world, f"{who}x", world.vendor.person(who)), "the merge")
    world.expect(f"{who} entry again")
    world.post("InteractionFact", **letter(f"{who}x", "again"))


def erase(world: World, who: str) -> None:
    """The CRM forgets somebody."""
    world.vendor.erase(who)


def nobody_is_left(world: World, who: str) -> None:
    """They are forgotten here as well."""
    world.until(lambda: not world.rows("SELECT 1 FROM identities WHERE value = :who", who=who), "the erasure")
    assert not world.rows("SELECT 1 FROM interactions WHERE external_id LIKE :key", key=f"{who}-%")


def _is_known(world: World, who: str, person: str) -> bool:
    query = """SELECT 1 FROM identities JOIN customers ON customers.id = identities.customer_id
               WHERE identities.value = :who AND customers.person_id = :person"""
    return bool(world.rows(query, who=who, person=person))
