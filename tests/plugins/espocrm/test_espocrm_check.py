"""What a check of EspoCRM tells: wrong keys, rights that are missing, a field or a user that is not there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cxsdk import AuthenticationError, ConfigurationError, CxsdkError, Secret, Transient
from cxsdk.testing import opened
from cxsdk.testing.stand_in import Fault
from cxsdk_espocrm import EspoCRM
from tests.plugins.espocrm.conftest import espocrm
from tests.plugins.espocrm.fake import SECRET_KEY, URL, FakeEspoCRM


@pytest.fixture(autouse=True)
def _default_user(site: FakeEspoCRM) -> None:
    site.put("User", id="user-default", type="regular", name="Sample", isActive=True)


def failing(**settings: object) -> CxsdkError:
    with opened(espocrm(**settings)) as crm, pytest.raises(CxsdkError) as caught:
        crm.check()
    return caught.value


def test_a_check_says_as_whom_it_is_in_and_only_reads(crm: EspoCRM, site: FakeEspoCRM) -> None:
    assert crm.check() == f"{URL} as cxsdk"
    assert {request.method for request in site.requests} == {"GET"}
    assert len(site.requests) < 10


def test_signed_requests_are_checked_as_well(site: FakeEspoCRM) -> None:
    site.hmac_only = True
    with opened(espocrm(secret_key=Secret(SECRET_KEY))) as crm:
        assert crm.check() == f"{URL} as cxsdk"
    assert "API key" in str(failing())


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        (lambda role: role.pop("Task"), "Task create, Task read, Task edit"),
        (lambda role: role["Lead"].update(create="no"), "Lead create"),
        (lambda role: role["Call"].update(edit="no"), "Call edit"),
        (lambda role: role.update(User=False), "User read"),
        (lambda role: role["Opportunity"].update(read="no"), "Opportunity read"),
    ],
)
def test_a_right_that_is_missing_is_named(site: FakeEspoCRM, change: Callable[..., object], lacks: str) -> None:
    change(site.role)
    failed = failing()
    assert (type(failed), failed.code) == (AuthenticationError, "espocrm_right_missing")
    assert f"does not allow: {lacks}. " in str(failed)


def test_rights_that_are_not_used_are_not_missed(site: FakeEspoCRM) -> None:
    for unused in ("Email", "Opportunity"):
        site.role.pop(unused)
    with opened(espocrm(stages={})) as crm:
        crm.check()


def test_an_administrator_may_all(site: FakeEspoCRM) -> None:
    site.type, site.role = "admin", {}
    with opened(espocrm()) as crm:
        crm.check()


def test_a_field_that_is_missing_is_told(site: FakeEspoCRM) -> None:
    assert failing(key_field="cOther").code == "espocrm_field_missing"


def test_a_default_user_who_is_not_there_is_told(site: FakeEspoCRM) -> None:
    failed = failing(default_user="nobody")
    assert isinstance(failed, ConfigurationError)
    assert failed.path == "EspoCRM.default_user"


def test_a_wrong_key_and_a_site_that_is_away_are_told_apart(site: FakeEspoCRM) -> None:
    assert isinstance(failing(api_key=Secret("another-key")), AuthenticationError)
    site.suffer(Fault.UNREACHABLE)
    assert isinstance(failing(), Transient)
