# ruff: noqa: INP001 - a file of its own, no package
"""A shop that talks to its customers by e-mail and over a Telegram bot, and asks them on pages of its own."""

from __future__ import annotations

import os

from cxsdk import CX, FollowUp, Loyalty, PostPurchase, Secret
from cxsdk_email import Email
from cxsdk_hostedsurvey import HostedSurvey
from cxsdk_localcrm import LocalCRM
from cxsdk_telegram import Telegram

cx = CX(
    public_url=os.environ.get("CX_PUBLIC_URL", "http://127.0.0.1:8000"),
    company="Sample Shop",
    timezone="America/New_York",
    crm=LocalCRM(),  # stands in for your CRM
    channels=[
        Email(address="support@example.com", host="mail.example.com", password=Secret.env("MAIL_PASSWORD")),
        Telegram(token=Secret.env("TELEGRAM_TOKEN")),
    ],
    survey_providers=[HostedSurvey()],
    surveys=[
        PostPurchase(after="2h"),
        Loyalty(between=("14d", "28d")),
    ],
    follow_up=FollowUp(contact_within="1h", solve_within="24h"),
)
