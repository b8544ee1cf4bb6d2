"""Typeform passes the conformance kit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cxsdk import Request
from cxsdk.testing import SurveyProviderConformance
from cxsdk_typeform import Typeform
from tests.plugins.typeform.fake import EVERY_TYPE, SECRET, FakeTypeform, signed, typeform, webhook


class TestTypeform(SurveyProviderConformance):
    stand_in = FakeTypeform
    key = SECRET
    payloads = (
        webhook("tok", *EVERY_TYPE),
        webhook("tok", *EVERY_TYPE[:1], event_type="form_response_partial"),
        webhook(None, *EVERY_TYPE[:1]),
    )

    def plugin(self) -> Typeform:
        return typeform()

    def sign(self, request: Request, key: str, at: datetime) -> Mapping[str, str]:
        return signed(request.body, key)
