"""RabbitMQ from Debian: a node of our own, beside the machine's if it has one, with its own ports and files.

The management API, by which tests make virtual hosts, listens 10,000 ports above AMQP, as it does by default.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.servers import debian
from tests.servers.process import LOOPBACK, free_port, give_away, listens, scratch, serving, unprivileged

#: How far the management API's port lies above AMQP's.
MANAGEMENT_OFFSET = 10_000
PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"


@contextmanager
def running() -> Iterator[str]:
    """The URL of a fresh node."""
    debian.require("rabbitmq-server")
    port = _free_pair()
    with scratch("rabbitmq") as directory:
        env = _environment(directory, give_away(directory / "node"), port)
        with _name_server(directory / "epmd.log", env), _node(directory / "log", port, env):
            yield f"amqp://guest:guest@{LOOPBACK}:{port}/%2F"


def _node(log: Path, port: int, env: dict[str, str]) -> AbstractContextManager[None]:
    return serving(
        [PROGRAM],
        log=log,
        ready=lambda: listens(port) and listens(port + MANAGEMENT_OFFSET),
        privileges=unprivileged(),
        env=env,
        stop_by=signal.SIGKILL,  # an orderly end takes it six seconds, and nothing of it is kept
    )


def _name_server(log: Path, env: dict[str, str]) -> AbstractContextManager[None]:
    """Erlang's name server: a node would start one by itself, and leave it behind."""
    port = env["ERL_EPMD_PORT"]
    return serving(
        ["/usr/bin/epmd", "-port", port, "-address", LOOPBACK],
        log=log,
        ready=lambda: listens(int(port)),
        privileges=unprivileged(),
        env=env,
    )


def _environment(directory: Path, home: Path, port: int) -> dict[str, str]:
    (directory / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = {LOOPBACK}:{port}\n"
        f"management.tcp.ip = {LOOPBACK}\n"
        f"management.tcp.port = {port + MANAGEMENT_OFFSET}\n"
        "log.console = true\n"
        "log.file = false\n"
    )
    (directory / "enabled_plugins").write_text("[rabbitmq_management].\n")
    return {
        "PATH": os.defpath,
        "HOME": str(home),  # of the Erlang cookie
        "LC_ALL": "C.UTF-8",
        "ERL_EPMD_PORT": str(free_port()),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(home),
        "RABBITMQ_LOG_BASE": str(home),
        "RABBITMQ_NODENAME": f"test{port}@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the node, which then gets our signals itself
    }


def _free_pair() -> int:
    while True:
        port = free_port()
        if port + MANAGEMENT_OFFSET < 2**16 and not listens(port + MANAGEMENT_OFFSET):
            return port


def management_url(amqp_url: str) -> str:
    """Where the management API of this server is, with its user and password."""
    host, _, port = amqp_url.removeprefix("amqp://").partition("/")[0].rpartition(":")
    return f"http://{host}:{int(port) + MANAGEMENT_OFFSET}"
