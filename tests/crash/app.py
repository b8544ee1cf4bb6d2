"""The installation whose processes are killed: ``cxsdk web tests.crash.app`` and the rest."""

from __future__ import annotations

import os
from datetime import timedelta

from cxsdk import CX, Budgets, Limit, PostPurchase, Secret
from cxsdk_hostedsurvey import HostedSurvey
from tests.crash.vendor_plugins import Guarded, Line, Listener, LookupOffice, Office, Pager, Sms

vendor = os.environ["CRASH_VENDOR"]
office = Office if os.environ["CRASH_DUPLICATES"] == "upsert" else LookupOffice
cx = CX(
    crm=office(name="office", url=vendor, limits=[Limit(calls=500, per="1s", burst=500)]),
    channels=[
        Line(name="line", url=vendor),
        Pager(name="pager", url=vendor, limits=[Limit(calls=2, per="3s", burst=2)]),
        Sms(name="sms", url=vendor),
        Guarded(name="guarded", url=os.environ["CRASH_OAUTH"]),
    ],
    survey_providers=[HostedSurvey()],
    surveys=[PostPurchase(after=timedelta(milliseconds=1))],
    budgets=Budgets(quiet=None),
    plugins=[Listener(vendor)],
    public_url=os.environ["CRASH_URL"],
    database=os.environ["CRASH_DATABASE"],
    broker=os.environ["CRASH_BROKER"],
    lease="1s",
    secrets_keys=[Secret.env("CRASH_KEY")],
)

if bug := os.environ.get("CRASH_BUG"):
    from tests.crash import bugs

    getattr(bugs, bug)()
