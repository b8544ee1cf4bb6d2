"""The installation that is measured: ``cxsdk web tests.benchmarks.app`` and the rest."""

from __future__ import annotations

import os

from cxsdk import CX, Secret
from cxsdk_telephony import Telephony
from tests.benchmarks.contacts import SECRET
from tests.benchmarks.plugin import BatchCRM, SingleCRM

crm = BatchCRM if os.environ["BENCH_BATCHES"] == "yes" else SingleCRM
cx = CX(
    crm=crm(name="crm", url=os.environ["BENCH_CRM"]),
    channels=[Telephony(name="pbx", secret=Secret(SECRET))],
    database=os.environ["BENCH_DATABASE"],
    broker=os.environ["BENCH_BROKER"],
)
