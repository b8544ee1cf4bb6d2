# ruff: noqa: INP001 - a file of its own, no package
"""The one file that every process reads. Put your CRM, channels and surveys here; the rest stays as it is."""

from __future__ import annotations

import os

from cxsdk import CX, Secret
from cxsdk_localcrm import LocalCRM
from cxsdk_telephony import Telephony

cx = CX(
    crm=LocalCRM(database=os.environ["CX_CRM_FILE"]),  # stands in for your CRM
    channels=[Telephony(secret=Secret.env("TELEPHONY_SECRET"), region="US")],
    public_url=os.environ["CX_PUBLIC_URL"],
    database=os.environ["CX_DATABASE"],
    broker=os.environ["CX_BROKER"],
    signing_key=Secret.env("CX_SIGNING_KEY"),
)
