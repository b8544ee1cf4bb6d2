"""An account that is connected by OAuth: its token ends, its access is withdrawn, an operator connects it."""

from __future__ import annotations

import io
import sys

from tests.children import cxsdk
from tests.crash.deployment import APP
from tests.crash.world import World

#: How long a token lives that must be renewed soon, in seconds, and one that need not.
SHORT_S, LONG_S = 1.0, 3600.0


def connect(world: World, who: str, point: str = "") -> None:
    """An operator connects the account. The provider takes a refresh token again until its successor was used."""
    world.provider.forgives = True
    world.processes.call(_connect, world.provider.code(), point=point)


def short_lived(world: World, who: str) -> None:
    """Its tokens must be renewed again and again."""
    world.provider.expires_in = SHORT_S
    connect(world, who)


def outage(world: World, who: str) -> None:
    """The provider gives no token the first time that it is asked."""
    world.provider.fails = 1


def withdraw(world: World, who: str) -> None:
    """Somebody removes the application at the provider."""
    world.provider.revoke()


def works_again(world: World, who: str) -> None:
    """Requests with a good token reach the provider."""
    world.provider.expires_in = LONG_S
    before = world.provider.asked["with a good token"]
    world.until(lambda: world.provider.asked["with a good token"] > before, "a request with a good token")
    assert not world.rows("SELECT problem FROM oauth_tokens WHERE problem IS NOT NULL")


def connected_again(world: World, who: str) -> None:
    """The account says what it needs, and gets it."""
    world.until(lambda: world.rows("SELECT 1 FROM accounts WHERE problem LIKE 'reconnect_needed:%'"), "the problem")
    asked = world.provider.asked["refresh_token"]
    connect(world, who)
    works_again(world, who)
    assert world.provider.asked["refresh_token"] <= asked + 1


def connect_twice(world: World, who: str, point: str) -> None:
    """An operator connects the account, and once more where the command died."""
    connect(world, who, point)
    connect(world, who)
    _ask_at_once(world)
    works_again(world, who)


def rotate_keys(world: World, who: str, point: str) -> None:
    """All is encrypted anew, or none of it; it can be read in any case."""
    world.processes.command("key", "rotate", APP, point=point)
    assert world.processes.command("key", "rotate", APP).code == 0
    _ask_at_once(world)
    works_again(world, who)


def _ask_at_once(world: World) -> None:
    """A clock that found the account not connected may look again in minutes; one that starts looks now."""
    role = world.processes.role("clock")
    world.processes.stop(role)
    world.processes.start(role)


def _connect(code: str) -> None:
    sys.stdin = io.StringIO(f"{code}\n")
    cxsdk("connect", "guarded", APP, "--code")
