"""Brokers by URL. A message on any of them is a ring: it names a lane and carries no work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import dramatiq
from dramatiq.brokers.stub import StubBroker

from cxsdk.errors import ConfigurationError
from cxsdk_workers.postgres import PostgresBroker

#: The only queue there is.
QUEUE = "cxsdk"
#: The one actor's name.
ACTOR = "work"
#: How long a broker may keep us waiting, in seconds: a ring is not worth more.
TIMEOUT_S = 5


def is_in_process(url: str) -> bool:
    """Whether this broker reaches no other process."""
    return urlsplit(url).scheme == "memory"


def is_in_database(url: str) -> bool:
    """Whether the rings of this broker are rows of our own database, and nothing else."""
    return urlsplit(url).scheme == "database"


def ring_for(lane: str) -> dramatiq.Message[Any]:
    """The message that is a ring for this lane."""
    return dramatiq.Message(queue_name=QUEUE, actor_name=ACTOR, args=(lane,), kwargs={}, options={})


def make_broker(url: str, database: str = "") -> dramatiq.Broker:
    """A broker without middleware: retries, time limits and results are all in our rows.

    ``database`` is the installation's own, for ``database://``. Raises ConfigurationError for an address that is none,
    or a broker whose extra is not installed.
    """
    scheme = urlsplit(url).scheme
    makers: dict[str, Callable[[str], dramatiq.Broker]] = {
        "memory": _memory,
        "redis": _redis,
        "rediss": _redis,
        "amqp": _rabbitmq,
        "amqps": _rabbitmq,
        "database": lambda _: PostgresBroker(database, ring_for),
    }
    if scheme not in makers:
        raise ConfigurationError(
            "is not a broker that cxsdk knows.",
            path="CX.broker",
            cure="Write memory://, database://, redis://host:6379/0 or amqp://user:password@host:5672/vhost.",
            code="broker_url_invalid",
        )
    try:
        broker = makers[scheme](url)
    except ImportError:
        extra = {"redis": "redis", "rediss": "redis", "database": "postgres"}.get(scheme, "rabbitmq")
        raise ConfigurationError(
            "needs a package that is not installed.",
            path="CX.broker",
            cure=f"Run: pip install 'cxsdk[{extra}]'",
            code="extra_missing",
        ) from None
    broker.declare_queue(QUEUE)
    broker.delay_queues.clear()  # nothing is ever delayed there, and a worker would ask all day
    return broker


@contextmanager
def connected_to(url: str, database: str = "") -> Iterator[dramatiq.Broker]:
    """A broker for as long as the block runs."""
    broker = make_broker(url, database)
    try:
        yield broker
    finally:
        end_within(TIMEOUT_S, broker.close)


def why_unreachable(url: str, database: str = "") -> str:
    """What goes wrong when a broker is asked for a sign of life, without its address; nothing where it gives one.

    One inside this process, or in our own database, is as well as those. Raises what ``make_broker`` raises.
    """
    with connected_to(url, database) as broker:
        try:
            if isinstance(getattr(broker, "parameters", None), list):
                broker.connection  # type: ignore[attr-defined]  # noqa: B018 - RabbitMQ: connects
            elif (client := getattr(broker, "client", None)) is not None:
                client.ping()
        except Exception as error:  # whatever the broker's client raises
            return type(error).__name__
    return ""


def end_within(seconds: float, end: Callable[[], object]) -> None:
    """Ends something, and waits for it so long: a client may wait for the last word of a broker that is away."""
    ending = threading.Thread(target=end, name="ending", daemon=True)
    ending.start()
    ending.join(seconds)


def _memory(_: str) -> dramatiq.Broker:
    return StubBroker(middleware=[])


def _redis(url: str) -> dramatiq.Broker:
    import redis
    from dramatiq.brokers.redis import RedisBroker

    # Given to the broker beside a URL, the timeouts would be passed over.
    client = redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    return RedisBroker(client=client, middleware=[], namespace="cxsdk")  # type: ignore[no-untyped-call]


def _rabbitmq(url: str) -> dramatiq.Broker:
    from dramatiq.brokers.rabbitmq import RabbitmqBroker

    broker = RabbitmqBroker(url=[url], middleware=[], confirm_delivery=False)
    for server in broker.parameters:
        server.socket_timeout = server.stack_timeout = server.blocked_connection_timeout = TIMEOUT_S
    return broker
