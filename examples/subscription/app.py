# ruff: noqa: INP001 - a file of its own, no package
"""A subscription product: customers and deals in HubSpot, surveys on Typeform, mails from the company's own mailbox."""

from __future__ import annotations

import os

from cxsdk import CX, FollowUp, Loyalty, PostPurchase, Secret
from cxsdk_email import Email
from cxsdk_hubspot import HubSpot
from cxsdk_typeform import Typeform

cx = CX(
    public_url=os.environ.get("CX_PUBLIC_URL", "http://127.0.0.1:8000"),
    company="Sample Product",
    timezone="Europe/Dublin",
    crm=HubSpot(
        access_token=Secret.env("HUBSPOT_ACCESS_TOKEN"),
        client_secret=Secret.env("HUBSPOT_CLIENT_SECRET"),
        stages={"closedwon": "purchase"},  # a new subscription
        dates={"renewal_date": "renewal"},  # a property of your deals
    ),
    channels=[
        Email(address="success@example.com", host="mail.example.com", password=Secret.env("MAIL_PASSWORD")),
    ],
    survey_providers=[
        Typeform(
            token=Secret.env("TYPEFORM_TOKEN"),
            webhook_secret=Secret.env("TYPEFORM_WEBHOOK_SECRET"),
            forms={"post_purchase": "P0stBuy", "loyalty": "lT4Z3j", "closing": "cL0sing"},
            grades={"I do not like it": 1, "I like it, but there are problems": 2, "I like it": 3},
        )
    ],
    surveys=[
        PostPurchase(after="2d"),  # time enough to set it up; after each renewal, too
        Loyalty(between=("14d", "28d")),
    ],
    follow_up=FollowUp(contact_within="4h", solve_within="2d"),
)
