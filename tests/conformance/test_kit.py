"""The kit refuses each broken plugin with the kind of test that it is broken in, and with no other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cxsdk.testing import ChannelConformance, CRMConformance, SurveyProviderConformance, WebhookConformance
from tests.conformance import broken_crms, broken_others
from tests.conformance.good import (
    KEY,
    GoodCRMConformance,
    GoodFormsConformance,
    GoodSMS,
    GoodSMSConformance,
    LookupCRMConformance,
)
from tests.conformance.running import verdicts

BROKEN = [*broken_crms.BROKEN, *broken_others.BROKEN]
KITS = (CRMConformance, ChannelConformance, SurveyProviderConformance, WebhookConformance)
KINDS = {getattr(kit, name).kind for kit in KITS for name in dir(kit) if name.startswith("test_")}


@pytest.fixture(scope="module", autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    broken_crms.OVER.set()


@pytest.mark.parametrize(("kind", "author"), BROKEN, ids=[author.__name__ for _, author in BROKEN])
def test_a_broken_plugin_is_refused_by_its_kind_of_test_alone(kind: str, author: type[Any]) -> None:
    refused = [verdict for verdict in verdicts(author) if verdict.outcome not in ("passed", "skipped")]
    assert {verdict.kind for verdict in refused} == {kind}, refused
    assert {verdict.outcome for verdict in refused} == {"failed"}, refused


def test_for_each_kind_of_test_there_is_a_plugin_that_is_broken_in_it() -> None:
    assert {kind for kind, _ in BROKEN} == KINDS


class Arrivals(WebhookConformance):
    """What comes in alone, of the good channel."""

    key = KEY
    of = GoodSMS
    payloads = GoodSMSConformance.payloads
    plugin = GoodSMSConformance.plugin
    sign = GoodSMSConformance.sign


GOOD = [GoodCRMConformance, LookupCRMConformance, GoodSMSConformance, GoodFormsConformance, Arrivals]


def test_good_plugins_are_refused_by_none_and_leave_no_kind_out() -> None:
    told = [verdict for author in GOOD for verdict in verdicts(author)]
    assert [verdict for verdict in told if verdict.outcome not in ("passed", "skipped")] == []
    assert {verdict.kind for verdict in told if verdict.outcome == "passed"} == KINDS
