"""The installation under load: ``cxsdk web tests.soak.app`` and the rest."""

from __future__ import annotations

import os
from datetime import timedelta

from cxsdk import CX, Secret
from cxsdk.journeys import receipts
from cxsdk.store import accounts
from cxsdk_telephony import Telephony
from tests.benchmarks.contacts import SECRET
from tests.soak.plugin import LookupCRM, UpsertCRM

# The minutes and hours for which an operator waits would outlast the soak
receipts.RETRY_WAITS = (timedelta(seconds=1),) * 100
accounts.LONGEST_PAUSE = timedelta(seconds=2)

crm = {"upsert": UpsertCRM, "lookup": LookupCRM}[os.environ["SOAK_ACCOUNT"]]
cx = CX(
    crm=crm(name="crm", url=os.environ["SOAK_CRM"]),
    channels=[Telephony(name="pbx", secret=Secret(SECRET))],
    database=os.environ["SOAK_DATABASE"],
    broker=os.environ["SOAK_BROKER"],
    lease="4s",
)
