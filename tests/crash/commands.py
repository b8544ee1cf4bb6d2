"""Operators at work: commands that are killed at a point, and given once more."""

from __future__ import annotations

from cxsdk_workers.brokers import QUEUE, make_broker
from tests.crash.deeds import missed_call
from tests.crash.deployment import APP
from tests.crash.vendor import REFUSED
from tests.crash.world import World


def retry_by_name(world: World, who: str, point: str) -> None:
    """An operator tries it again, and once more where the command died."""
    world.vendor.is_mended = True
    world.expect(f"{who} entry {REFUSED}")
    rows = world.aside_names()
    world.processes.command("dead", "retry", *rows, APP, point=point)
    if world.aside_names():
        world.processes.command("dead", "retry", *rows, APP)


def retry_all(world: World, who: str, point: str) -> None:
    """The same, for whatever was set aside."""
    world.vendor.is_mended = True
    world.expect(f"{who} entry {REFUSED}")
    world.processes.command("dead", "retry", "--all", APP, point=point)
    world.processes.command("dead", "retry", "--all", APP)


def replay_since(world: World, who: str, point: str) -> None:
    """All that was understood is read once more: nothing comes of it."""
    world.processes.command("replay", "--since", "1h", APP, point=point)
    world.processes.command("replay", "--since", "1h", APP)


def replay_one(world: World, who: str, point: str) -> None:
    """One event is read once more."""
    world.processes.command("replay", f"{who}-call", APP, point=point)
    world.processes.command("replay", f"{who}-call", APP)


def erase_by_command(world: World, who: str, point: str) -> None:
    """An operator forgets somebody: altogether, or not yet."""
    world.processes.command("erase", f"line:{who}", APP, "--yes", point=point)
    is_left = bool(world.rows("SELECT 1 FROM identities WHERE value = :who", who=who))
    assert is_left == bool(world.rows("SELECT 1 FROM interactions WHERE external_id = :key", key=f"{who}-call"))
    if is_left:
        world.processes.command("erase", f"line:{who}", APP, "--yes")


def create_token(world: World, who: str, point: str) -> None:
    """A token is there, or it is not; one that nobody saw is revoked."""
    world.processes.command("token", "create", who, APP, point=point)
    again = world.processes.command("token", "create", who, APP)
    assert again.code == (0 if "before" in point else 1)
    world.processes.command("token", "revoke", who, APP)


def revoke_token(world: World, who: str, point: str) -> None:
    """A token is valid, or it is not."""
    world.processes.command("token", "create", who, APP)
    world.processes.command("token", "revoke", who, APP, point=point)
    again = world.processes.command("token", "revoke", who, APP)
    assert again.code == (0 if "before" in point else 1)


def upgrade(world: World, who: str, point: str) -> None:
    """A new database has all of the schema, or none of it."""
    database = world.processes.place.another()
    world.processes.command("db", "upgrade", APP, point=point, database=database)
    assert world.processes.command("db", "upgrade", APP, database=database).code == 0
    assert world.processes.command("token", "list", APP, database=database).code == 0


def put_back(world: World, who: str, point: str) -> None:
    """A worker ends with a ring in its hand that came to no thread."""
    world.processes.stop("worker")
    missed_call(world, who)
    world.until(lambda: world.rows("SELECT 1 FROM rings WHERE rung_at IS NOT NULL"), "a ring")
    world.processes.call(_take_up_and_put_back, world.processes.place.database, point=point)
    world.processes.start("worker")


def _take_up_and_put_back(database: str) -> None:
    consumer = make_broker("database://", database).consume(QUEUE, timeout=200)
    message = next(consumer)
    assert message is not None
    consumer.requeue([message])
