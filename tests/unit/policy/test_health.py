"""When an account counts as broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cxsdk.policy.health import BROKEN_AFTER, REFUSALS, Trouble, is_broken

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def test_refused_credentials_break_an_account_at_once() -> None:
    assert is_broken(Trouble.CREDENTIALS, NOON, NOON)


@pytest.mark.parametrize("trouble", [Trouble.LIMIT, Trouble.OUTAGE, Trouble.PLUGIN])
def test_what_may_pass_by_itself_breaks_an_account_after_a_while(trouble: Trouble) -> None:
    assert not is_broken(trouble, NOON, NOON + BROKEN_AFTER)
    assert is_broken(trouble, NOON, NOON + BROKEN_AFTER + MOMENT)


def test_refusals_break_an_account_by_their_number_alone() -> None:
    assert not is_broken(Trouble.REFUSALS, NOON, NOON + timedelta(days=1), REFUSALS - 1)
    assert is_broken(Trouble.REFUSALS, NOON, NOON, REFUSALS)


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_says_what_it_is_and_what_to_do(trouble: Trouble) -> None:
    assert trouble.means.endswith(".")
    assert len(trouble.cure) > 20
    assert len(trouble) <= 40  # as long as the column
