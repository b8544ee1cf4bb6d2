"""What a check of Typeform tells: forms that are not there, hidden fields and webhooks that are missing."""

from __future__ import annotations

import pytest

from cxsdk import AuthenticationError, ConfigurationError, CxsdkError, Secret
from cxsdk.testing import opened
from cxsdk_typeform import Typeform
from tests.plugins.typeform.fake import LOYALTY, LOYALTY_UK, PURCHASE, FakeTypeform, typeform


def failing(**settings: object) -> CxsdkError:
    with opened(typeform(**settings)) as provider, pytest.raises(CxsdkError) as caught:
        provider.check()
    return caught.value


def test_a_check_only_reads_and_says_which_forms_have_no_webhook(provider: Typeform, site: FakeTypeform) -> None:
    assert provider.check() == f"3 forms; without a webhook that leads here: {LOYALTY}, {LOYALTY_UK}, {PURCHASE}"
    assert {request.method for request in site.requests} == {"GET"}
    provider.register_webhook()
    assert provider.check() == "3 forms"


@pytest.mark.parametrize("change", [{"enabled": False}, {"url": "https://other.example.com/webhooks/typeform"}])
def test_a_webhook_that_is_off_or_leads_elsewhere_is_none(
    provider: Typeform, site: FakeTypeform, change: dict[str, object]
) -> None:
    provider.register_webhook()
    site.webhooks[PURCHASE] |= change
    assert provider.check().endswith(f"leads here: {PURCHASE}")


def test_without_webhook_and_reading_no_answer_would_come(site: FakeTypeform) -> None:
    failed = failing(catch_up=False)
    assert isinstance(failed, ConfigurationError)
    assert failed.path == "Typeform.catch_up"


def test_a_hidden_field_that_is_missing_is_told(site: FakeTypeform) -> None:
    site.hidden = []
    failed = failing()
    assert isinstance(failed, ConfigurationError)
    assert failed.path == "Typeform.hidden_field"


def test_a_form_that_is_not_there_is_told(site: FakeTypeform) -> None:
    failed = failing(forms={"loyalty": "n0b0dy"})
    assert isinstance(failed, ConfigurationError)
    assert (failed.path, "n0b0dy" in str(failed)) == ("Typeform.forms", True)


def test_a_wrong_token_is_told(site: FakeTypeform) -> None:
    assert isinstance(failing(token=Secret("tfp_another")), AuthenticationError)
