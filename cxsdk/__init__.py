"""cxsdk: logs every contact in the CRM you have, asks customers at the right moment, follows up unhappy answers.

Everything a plugin author or an integrator needs is imported from here; the names load when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cxsdk.app import CX as CX
    from cxsdk.app import Budgets as Budgets
    from cxsdk.app import FollowUp as FollowUp
    from cxsdk.app import Loyalty as Loyalty
    from cxsdk.app import PostPurchase as PostPurchase
    from cxsdk.app import SurveyRule as SurveyRule
    from cxsdk.capabilities import CRM as CRM
    from cxsdk.capabilities import Channel as Channel
    from cxsdk.capabilities import Context as Context
    from cxsdk.capabilities import Http as Http
    from cxsdk.capabilities import Inbound as Inbound
    from cxsdk.capabilities import Plugin as Plugin
    from cxsdk.capabilities import Reader as Reader
    from cxsdk.capabilities import Stop as Stop
    from cxsdk.capabilities import SurveyProvider as SurveyProvider
    from cxsdk.capabilities import each_day as each_day
    from cxsdk.domain.case import Task as Task
    from cxsdk.domain.deals import Deal as Deal
    from cxsdk.domain.deals import Deals as Deals
    from cxsdk.domain.facts import BusinessEvent as BusinessEvent
    from cxsdk.domain.facts import Delivery as Delivery
    from cxsdk.domain.facts import DeliveryState as DeliveryState
    from cxsdk.domain.facts import EventKind as EventKind
    from cxsdk.domain.facts import Fact as Fact
    from cxsdk.domain.facts import IdentityClaim as IdentityClaim
    from cxsdk.domain.facts import OptOut as OptOut
    from cxsdk.domain.facts import PersonErased as PersonErased
    from cxsdk.domain.facts import PersonMerged as PersonMerged
    from cxsdk.domain.facts import TaskChange as TaskChange
    from cxsdk.domain.identity import Agent as Agent
    from cxsdk.domain.identity import Identity as Identity
    from cxsdk.domain.identity import Person as Person
    from cxsdk.domain.identity import email as email
    from cxsdk.domain.identity import handle as handle
    from cxsdk.domain.identity import is_withheld as is_withheld
    from cxsdk.domain.identity import own_numbers as own_numbers
    from cxsdk.domain.identity import phone as phone
    from cxsdk.domain.interaction import Attachment as Attachment
    from cxsdk.domain.interaction import CallState as CallState
    from cxsdk.domain.interaction import Direction as Direction
    from cxsdk.domain.interaction import InteractionFact as InteractionFact
    from cxsdk.domain.interaction import Kind as Kind
    from cxsdk.domain.limits import Limit as Limit
    from cxsdk.domain.limits import Usage as Usage
    from cxsdk.domain.oauth import OAuth as OAuth
    from cxsdk.domain.outward import Choice as Choice
    from cxsdk.domain.outward import LogEntry as LogEntry
    from cxsdk.domain.outward import Message as Message
    from cxsdk.domain.outward import Receipt as Receipt
    from cxsdk.domain.raw import Page as Page
    from cxsdk.domain.raw import Raw as Raw
    from cxsdk.domain.raw import Request as Request
    from cxsdk.domain.secret import Secret as Secret
    from cxsdk.domain.survey import ContactRequest as ContactRequest
    from cxsdk.domain.survey import Invitation as Invitation
    from cxsdk.domain.survey import Question as Question
    from cxsdk.domain.survey import Response as Response
    from cxsdk.domain.survey import Scale as Scale
    from cxsdk.domain.survey import Survey as Survey
    from cxsdk.errors import AuthenticationError as AuthenticationError
    from cxsdk.errors import BadInput as BadInput
    from cxsdk.errors import ConfigurationError as ConfigurationError
    from cxsdk.errors import CxsdkError as CxsdkError
    from cxsdk.errors import OutcomeUnknown as OutcomeUnknown
    from cxsdk.errors import PersonGone as PersonGone
    from cxsdk.errors import RateLimited as RateLimited
    from cxsdk.errors import Rejected as Rejected
    from cxsdk.errors import SignatureError as SignatureError
    from cxsdk.errors import Transient as Transient
    from cxsdk.errors import Unsupported as Unsupported
    from cxsdk.hooks import hookimpl as hookimpl
    from cxsdk.webhooks import sign_hmac as sign_hmac
    from cxsdk.webhooks import sign_standard_webhook as sign_standard_webhook
    from cxsdk.webhooks import verify_hmac as verify_hmac
    from cxsdk.webhooks import verify_standard_webhook as verify_standard_webhook
    from cxsdk.webhooks import verify_token as verify_token

_HOMES = {
    "cxsdk.app": ("CX", "Budgets", "FollowUp", "Loyalty", "PostPurchase", "SurveyRule"),
    "cxsdk.capabilities": (
        "CRM", "Channel", "Context", "Http", "Inbound", "Plugin", "Reader", "Stop", "SurveyProvider", "each_day",
    ),
    "cxsdk.domain.case": ("Task",),
    "cxsdk.domain.deals": ("Deal", "Deals"),
    "cxsdk.domain.facts": (
        "BusinessEvent", "Delivery", "DeliveryState", "EventKind", "Fact", "IdentityClaim", "OptOut", "PersonErased",
        "PersonMerged", "TaskChange",
    ),
    "cxsdk.domain.identity": ("Agent", "Identity", "Person", "email", "handle", "is_withheld", "own_numbers", "phone"),
    "cxsdk.domain.interaction": ("Attachment", "CallState", "Direction", "InteractionFact", "Kind"),
    "cxsdk.domain.limits": ("Limit", "Usage"),
    "cxsdk.domain.oauth": ("OAuth",),
    "cxsdk.domain.outward": ("Choice", "LogEntry", "Message", "Receipt"),
    "cxsdk.domain.raw": ("Page", "Raw", "Request"),
    "cxsdk.domain.secret": ("Secret",),
    "cxsdk.domain.survey": ("ContactRequest", "Invitation", "Question", "Response", "Scale", "Survey"),
    "cxsdk.errors": (
        "AuthenticationError", "BadInput", "ConfigurationError", "CxsdkError", "OutcomeUnknown", "PersonGone",
        "RateLimited", "Rejected", "SignatureError", "Transient", "Unsupported",
    ),
    "cxsdk.hooks": ("hookimpl",),
    "cxsdk.webhooks": (
        "sign_hmac", "sign_standard_webhook", "verify_hmac", "verify_standard_webhook", "verify_token",
    ),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'cxsdk' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
