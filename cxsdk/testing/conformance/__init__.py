"""The conformance kit: an author subclasses one class, and pytest runs every test that concerns their plugin."""

from __future__ import annotations

from cxsdk.testing.conformance.channel import ChannelConformance
from cxsdk.testing.conformance.crm import CRMConformance
from cxsdk.testing.conformance.survey import SurveyProviderConformance
from cxsdk.testing.conformance.webhook import WebhookConformance

__all__ = ["CRMConformance", "ChannelConformance", "SurveyProviderConformance", "WebhookConformance"]
