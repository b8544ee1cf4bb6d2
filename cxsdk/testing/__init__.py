"""What a plugin author tests with: the conformance kit, a plugin opened with all it needs, each door as one call.

The conformance classes need pytest and ``Simulation`` runs months of the whole thing: they load when they are first
used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cxsdk.testing.context import NOW, SampleContext, opened, read, receive, send
from cxsdk.testing.sent import Sent, SentRequest
from cxsdk.testing.stand_in import Answer, CannotPlay, Fault, HttpStandIn, StandIn

if TYPE_CHECKING:
    from cxsdk.testing.conformance import ChannelConformance as ChannelConformance
    from cxsdk.testing.conformance import CRMConformance as CRMConformance
    from cxsdk.testing.conformance import SurveyProviderConformance as SurveyProviderConformance
    from cxsdk.testing.conformance import WebhookConformance as WebhookConformance
    from cxsdk.testing.simulation import Simulation as Simulation

_HOMES = {
    "CRMConformance": "cxsdk.testing.conformance",
    "ChannelConformance": "cxsdk.testing.conformance",
    "SurveyProviderConformance": "cxsdk.testing.conformance",
    "WebhookConformance": "cxsdk.testing.conformance",
    "Simulation": "cxsdk.testing.simulation",
}

__all__ = [
    "NOW",
    "Answer",
    "CRMConformance",
    "CannotPlay",
    "ChannelConformance",
    "Fault",
    "HttpStandIn",
    "SampleContext",
    "Sent",
    "SentRequest",
    "Simulation",
    "StandIn",
    "SurveyProviderConformance",
    "WebhookConformance",
    "opened",
    "read",
    "receive",
    "send",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cxsdk.testing' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
