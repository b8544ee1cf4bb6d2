# ruff: noqa: INP001 - a file of its own, no package
"""A call centre: calls of an Asterisk, customers and deals in Bitrix24, surveys by SMS."""

from __future__ import annotations

import os

from cxsdk import CX, FollowUp, PostPurchase, Secret
from cxsdk_asterisk import Asterisk
from cxsdk_bitrix24 import Bitrix24
from cxsdk_hostedsurvey import HostedSurvey
from cxsdk_twilio import Twilio

LINE = "+12125550100"

cx = CX(
    public_url=os.environ.get("CX_PUBLIC_URL", "http://127.0.0.1:8000"),
    company="Sample Services",
    timezone="America/New_York",
    crm=Bitrix24(
        webhook=Secret.env("BITRIX24_WEBHOOK"),
        application_token=Secret.env("BITRIX24_APPLICATION_TOKEN"),
        region="US",
        stages={"WON": "purchase"},
    ),
    channels=[
        Asterisk(
            host=os.environ.get("ASTERISK_HOST", "pbx.example.com"),
            username="cxsdk",
            secret=Secret.env("ASTERISK_SECRET"),
            trunks=["PJSIP/provider"],  # what leads out of the house
            region="US",
            own_numbers=[LINE],
            recordings_url="https://pbx.example.com/recordings",
        ),
        Twilio(
            account_sid=os.environ["TWILIO_ACCOUNT_SID"],
            auth_token=Secret.env("TWILIO_AUTH_TOKEN"),
            sender=LINE,
            own_numbers=[LINE],
        ),
    ],
    survey_providers=[HostedSurvey()],
    surveys=[PostPurchase(after="2h")],
    follow_up=FollowUp(call_back_within="5m", contact_within="1h", solve_within="24h"),
)
