"""The contract: what a plugin may be asked, and what it gets to work with."""

from cxsdk.capabilities.channel import Channel
from cxsdk.capabilities.context import Context, Http, KeyValue
from cxsdk.capabilities.crm import CRM
from cxsdk.capabilities.days import each_day
from cxsdk.capabilities.inbound import Inbound, Reader, Stop
from cxsdk.capabilities.plugin import Plugin
from cxsdk.capabilities.ports import Doorbell
from cxsdk.capabilities.survey_provider import SurveyProvider

__all__ = [
    "CRM",
    "Channel",
    "Context",
    "Doorbell",
    "Http",
    "Inbound",
    "KeyValue",
    "Plugin",
    "Reader",
    "Stop",
    "SurveyProvider",
    "each_day",
]
