"""Brokers by URL. A message on any of them is a ring: it names a lane and carries no work."""

from __future__ import annotations

from urllib.parse import urlsplit

import dramatiq
from dramatiq.brokers.stub import StubBroker

from cxsdk.errors import ConfigurationError

#: The only queue there is.
QUEUE = "cxsdk"
#: How long a broker may keep us waiting, in seconds: a ring is not worth more.
TIMEOUT_S = 5


def is_in_process(url: str) -> bool:
    """Whether this broker reaches no other process."""
    return urlsplit(url).scheme == "memory"


def make_broker(url: str) -> dramatiq.Broker:
    """A broker without middleware: retries, time limits and results are all in our rows.

    Raises ConfigurationError for an address that is none, or a broker whose extra is not installed.
    """
    scheme = urlsplit(url).scheme
    makers = {"memory": _memory, "redis": _redis, "rediss": _redis, "amqp": _rabbitmq, "amqps": _rabbitmq}
    if scheme not in makers:
        raise ConfigurationError(
            "is not a broker that cxsdk knows.",
            path="CX.broker",
            cure="Write memory://, redis://host:6379/0 or amqp://user:password@host:5672/vhost.",
            code="broker_url_invalid",
        )
    try:
        broker = makers[scheme](url)
    except ImportError:
        extra = "redis" if scheme.startswith("redis") else "rabbitmq"
        raise ConfigurationError(
            "needs a package that is not installed.",
            path="CX.broker",
            cure=f"Run: pip install 'cxsdk[{extra}]'",
            code="extra_missing",
        ) from None
    broker.declare_queue(QUEUE)
    return broker


def _memory(_: str) -> dramatiq.Broker:
    return StubBroker(middleware=[])


def _redis(url: str) -> dramatiq.Broker:
    from dramatiq.brokers.redis import RedisBroker

    return RedisBroker(  # type: ignore[no-untyped-call]
        url=url, middleware=[], namespace="cxsdk", socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
    )


def _rabbitmq(url: str) -> dramatiq.Broker:
    from dramatiq.brokers.rabbitmq import RabbitmqBroker

    return RabbitmqBroker(url=url, middleware=[], confirm_delivery=False)
