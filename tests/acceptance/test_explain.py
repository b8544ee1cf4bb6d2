"""``cxsdk explain``: every decision about somebody, with its rule, its reason and when it is looked at again."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from cxsdk import Raw
from cxsdk.cli.group import cli
from cxsdk.errors import BadInput
from cxsdk.store import inbox
from cxsdk.store.inbox import Arrival
from cxsdk.store.tables import decisions
from tests.acceptance.conftest import Company

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TYPED = {"kind": "phone", "value": "+12125550123", "confidence": "maybe"}


@pytest.fixture
def shop(company: Company, tmp_path: Path) -> str:
    """The company's file, as the command line reads it."""
    file = tmp_path / "sample_shop.py"
    file.write_text(
        "from cxsdk import CX\nfrom cxsdk_localcrm import LocalCRM\n"
        f"cx = CX(crm=LocalCRM(), database='sqlite:///{tmp_path}/cx.db')\n"
    )
    return str(file)


def explained(who: str, shop: str) -> str:
    """What the command prints, its wrapped cells put together."""
    done = CliRunner().invoke(cli, ["explain", who, shop], env={"COLUMNS": "300"}, catch_exceptions=False)
    assert done.exit_code == 0
    return re.sub(r"\s+", " ", done.output)


def test_every_decision_about_a_customer_is_told(company: Company, shop: str) -> None:
    company.writes("Hello", also=[TYPED])
    company.buys(order="A-1")
    company.later(10 * HOUR)
    company.buys(order="A-2")
    company.later(14 * DAY)
    company.answers(q_nps="3", nonce="n1", step="score")
    company.later(2 * DAY)
    company.finishes(company.open_tasks()[0])
    company.writes("stop")
    told = explained("ann@example.com", shop)
    rows = company.rows(decisions)
    assert {row.subject for row in rows} >= {"person", "invitation", "case", "promise", "customer"}
    assert {row.verdict for row in rows} >= {"created", "send", "hold", "skip", "open", "broken", "solved", "opted_out"}
    for row in rows:
        assert all(part in told for part in (row.subject, row.rule, row.verdict, row.text)), row
        assert f"{row.at:%Y-%m-%d %H:%M:%S}" in told
        assert row.until is None or f"{row.until:%Y-%m-%d %H:%M}" in told


def test_what_is_only_perhaps_theirs_is_told_as_such(company: Company, shop: str) -> None:
    company.writes("Hello", also=[TYPED])
    assert "email:ann@example.com, phone:+12125550123 (maybe)" in explained("ann@example.com", shop)
    company.tell("InteractionFact", direction="inbound", sender=TYPED | {"confidence": "known"}, text="Hi")
    assert "email:ann@example.com, phone:+12125550123 " in explained("+12125550123", shop)


def test_a_question_that_is_not_decided_on_yet_is_told_with_its_time(company: Company, shop: str) -> None:
    company.buys(order="A-1")
    told = explained("ann@example.com", shop)
    assert "To be asked (post_purchase) not before 2026-01-05 14:00 UTC; nothing is decided yet." in told
    assert "To be asked (loyalty) not before 2026-01-19 12:00 UTC" in told
    company.later(10 * HOUR)
    told = explained("ann@example.com", shop)
    assert "(post_purchase)" not in told
    assert "Nothing speaks against it." in told


@pytest.mark.parametrize("is_known", [True, False])
def test_a_message_that_found_no_way_is_told_of(company: Company, shop: str, *, is_known: bool) -> None:
    if is_known:
        company.tell("InteractionFact", direction="inbound", sender=TYPED | {"confidence": "known"}, text="Hi")
    body = {"type": "message", "customer": {"phone": "212 555 0123", "region": "US"}, "text": "Your size has come."}
    raw = Raw(id="message:m1", body=json.dumps(body).encode(), received_at=company.now)
    with company.runtime.store.write() as tx:
        inbox.put(company.runtime.store, tx, [Arrival("api", raw)])
    company.installation.settle()
    told = explained("+12125550123", shop)
    assert ("is no customer yet" in told) is not is_known
    assert re.search(r"message inbox:\d+ .*dead .*unreachable: customer cannot be written to over any channel\.", told)
    with pytest.raises(BadInput, match="No customer is known"):
        explained("+12125550124", shop)


def test_a_letter_that_was_refused_is_told_of(company: Company, shop: str) -> None:
    company.letters.refuse("ann@example.com")
    customer = [{"kind": "email", "value": "ann@example.com"}]
    company.tell("MessageRequest", customer=customer, text="Your size has come.")
    assert re.search(r"message outbox:\d+ .*dead .*550 no such mailbox", explained("ann@example.com", shop))


def test_nobody_is_explained_who_is_not_there(company: Company, shop: str) -> None:
    with pytest.raises(BadInput, match="No customer is known"):
        explained("nobody@example.com", shop)
