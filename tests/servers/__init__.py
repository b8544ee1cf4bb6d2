"""The real servers that tests meet.

One that an environment variable names is used as it is. Else one of our own is started on loopback, in a temporary
directory, and stopped at the end. ``python -m tests.servers COMMAND`` starts what NEEDED lists once for all of the
command's processes; without it, a test that needs a server starts one for its session.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from tests.servers import chromium, mail, postgres, rabbitmq, redis
from tests.servers.process import Unavailable

#: What `make test` has ready before the tests. A server belongs here from the first test on that needs it.
NEEDED = ("postgres", "redis", "rabbitmq", "mail", "chromium")


@dataclass(frozen=True)
class Server:
    """How to find a server that runs, and how to run one."""

    variable: str
    running: Callable[[], AbstractContextManager[str]]


SERVERS = {
    "postgres": Server("CXSDK_TEST_POSTGRES_URL", postgres.running),
    "durable postgres": Server("CXSDK_TEST_POSTGRES_URL", partial(postgres.running, durable=True)),
    "redis": Server("CXSDK_TEST_REDIS_URL", redis.running),
    "rabbitmq": Server("CXSDK_TEST_AMQP_URL", rabbitmq.running),
    "mail": Server("CXSDK_TEST_MAIL_URL", mail.running),
    "chromium": Server("CXSDK_TEST_CHROMIUM", chromium.running),
}

#: What is said before a server that cannot be had and the reason. In the server's variable it tells child processes
#: not to try again.
MISSING = "missing for the tests: "


@contextmanager
def use(name: str) -> Iterator[str]:
    """The address of a server, for as long as the block runs. Raises Unavailable where it cannot be had."""
    server = SERVERS[name]
    given = os.environ.get(server.variable, "")
    if given.startswith(MISSING):
        raise Unavailable(given.removeprefix(MISSING).partition(": ")[2])
    if given:
        yield given
        return
    with server.running() as address:
        yield address


@contextmanager
def started(names: Iterable[str] | None = None) -> Iterator[dict[str, str]]:
    """Has these servers, or those NEEDED, ready for all child processes, and says which are missing and why."""
    before = dict(os.environ)
    missing: dict[str, str] = {}
    with ExitStack() as stack:
        for name in NEEDED if names is None else names:
            try:
                address = stack.enter_context(use(name))
            except Unavailable as reason:
                missing[name] = str(reason)
                address = f"{MISSING}{name}: {reason}"
            os.environ[SERVERS[name].variable] = address
        try:
            yield missing
        finally:
            os.environ.clear()
            os.environ.update(before)
