"""Who is asked, when, and why not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cxsdk.store.tables import decisions, inbox, invitations, responses
from tests.acceptance.conftest import NOON, Company

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_a_purchase_is_asked_about_two_hours_later(company: Company) -> None:
    company.buys()
    company.later(2 * HOUR - timedelta(seconds=1))
    assert company.letters.sent == []
    company.later(timedelta(seconds=1))
    [letter] = company.letters.sent
    assert letter.to == "ann@example.com"
    assert "Sample Shop" in letter.subject
    assert letter.automatic
    assert company.invitation(kind="post_purchase").state == "sent"


def test_loyalty_is_asked_about_between_day_14_and_day_28(company: Company) -> None:
    company.buys()
    company.later(14 * DAY - HOUR)
    assert company.invitation(kind="loyalty").state == "scheduled"
    company.later(HOUR)
    assert company.invitation(kind="loyalty").sent_at == NOON + 14 * DAY


def test_loyalty_counts_from_delivery_where_the_shop_tells_of_it(company: Company) -> None:
    company.buys(order="A1")
    company.later(5 * DAY)
    company.buys(kind="delivery", order="A1")
    assert company.invitation(kind="loyalty").not_before == NOON + 19 * DAY


def test_a_delivery_told_of_before_its_purchase_counts_all_the_same(company: Company) -> None:
    company.buys(kind="delivery", order="A1", at=NOON + 5 * DAY)
    company.buys(order="A1", at=NOON)
    assert company.invitation(kind="loyalty").not_before == NOON + 19 * DAY


def test_an_evening_purchase_is_asked_about_after_the_quiet_hours(company: Company) -> None:
    company.later(8 * HOUR)
    company.buys()
    company.later(2 * HOUR)
    assert company.invitation(kind="post_purchase").state == "held"
    company.later(11 * HOUR)
    assert company.invitation(kind="post_purchase").sent_at == (NOON + DAY).replace(hour=9)


def test_quiet_hours_are_those_of_the_customers_zone(company: Company) -> None:
    company.buys(time_zone="Asia/Tokyo")  # noon in UTC is 21:00 there
    company.later(2 * HOUR)
    assert company.letters.sent == []
    company.later(10 * HOUR)
    assert company.invitation(kind="post_purchase").sent_at == NOON + 12 * HOUR


def test_the_same_question_is_put_once_in_90_days(company: Company) -> None:
    company.buys()
    company.later(2 * HOUR)
    company.later(30 * DAY)
    company.buys()
    company.later(2 * HOUR)
    states = sorted(i.state for i in company.rows(invitations, kind="post_purchase"))
    assert states == ["expired", "skipped"]
    [skipped] = company.rows(invitations, state="skipped", kind="post_purchase")
    [why] = company.rows(decisions, subject_id=skipped.id, verdict="skip")
    assert why.rule == "same_kind"


def test_quiet_hours_are_those_of_the_phones_country(company: Company) -> None:
    company.tell(
        "BusinessEvent",
        kind="purchase",
        customer=[{"kind": "email", "value": "ann@example.com"}, {"kind": "phone", "value": "+81312345678"}],
    )
    company.later(10 * HOUR)
    assert company.letters.sent == []
    company.later(2 * HOUR)
    assert len(company.letters.sent) == 1


def test_another_question_waits_ten_days_and_is_put_inside_its_window(company: Company) -> None:
    company.buys(order="A1", at=NOON - 10 * DAY)
    assert company.invitation(kind="post_purchase").reason == "window_over"
    company.buys(order="A2")
    company.later(30 * DAY)
    first, second = sorted((i for i in company.rows(invitations) if i.sent_at), key=lambda i: i.sent_at)
    assert (first.kind, second.kind) == ("post_purchase", "loyalty")
    assert second.sent_at == NOON + 2 * HOUR + 10 * DAY


@pytest.mark.parametrize(("kind", "reason"), [("refund", "refunded"), ("cancellation", "cancelled")])
def test_what_is_taken_back_is_not_asked_about(company: Company, kind: str, reason: str) -> None:
    company.buys(order="A1")
    company.buys(kind=kind, order="A1")
    company.later(30 * DAY)
    assert company.letters.sent == []
    assert {i.reason for i in company.rows(invitations)} == {reason}


def test_a_refund_of_another_order_changes_nothing(company: Company) -> None:
    company.buys(order="A1")
    company.buys(kind="refund", order="B2")
    company.later(2 * HOUR)
    assert len(company.letters.sent) == 1


def test_who_opts_out_is_not_asked_and_what_is_pending_is_cancelled(company: Company) -> None:
    company.buys()
    company.writes(" СТОП. ")
    company.later(30 * DAY)
    assert company.letters.sent == []
    assert {(i.state, i.reason) for i in company.rows(invitations)} == {("skipped", "opted_out")}


def test_the_stop_link_of_a_letter_opts_out_by_one_click(company: Company) -> None:
    company.buys()
    company.later(2 * HOUR)
    stop = str(company.letters.sent[-1].unsubscribe_url).removeprefix(company.runtime.public_url)
    answer = company.web.post(stop, data={"List-Unsubscribe": "One-Click"})
    company.installation.settle()
    company.later(30 * DAY)
    assert answer.status_code == 200
    assert len(company.letters.sent) == 1


def test_a_customer_without_an_address_is_skipped_as_unreachable(company: Company) -> None:
    company.tell("BusinessEvent", kind="purchase", customer=[{"kind": "phone", "value": "+12125550123"}])
    company.later(2 * HOUR)
    assert company.invitation(kind="post_purchase").reason == "unreachable"


def test_a_letter_that_is_refused_is_a_failed_invitation_with_its_reason(company: Company) -> None:
    company.letters.refuse("ann@example.com")
    company.buys()
    company.later(2 * HOUR)
    found = company.invitation(kind="post_purchase")
    assert found.state == "failed"
    [why] = company.rows(decisions, subject_id=found.id, verdict="fail")
    assert "550" in why.text


def test_an_answer_is_kept_with_its_score_and_on_the_timeline(company: Company) -> None:
    company.buys()
    company.later(14 * DAY)
    assert company.answers(q_nps="9", q_comment="all good", nonce="n1", step="full") == 303
    [answer] = company.rows(responses)
    assert (answer.scale, answer.score) == ("nps", 9)
    assert company.invitation(kind="loyalty").state == "answered"
    texts = [entry["text"] for entry in company.crm.entries() if entry["kind"] == "survey"]
    assert any("9 of 10" in text and "all good" in text for text in texts)
    assert sum("Survey sent" in text for text in texts) == 2


def test_an_answer_sent_twice_is_stored_once(company: Company) -> None:
    company.buys()
    company.later(14 * DAY)
    for _ in range(3):
        company.answers(q_nps="9", nonce="n1", step="full")
    [answer] = company.rows(responses)
    assert answer.revision == 1


def test_parts_of_an_answer_add_up(company: Company) -> None:
    company.buys()
    company.later(14 * DAY)
    company.answers(q_nps="8", nonce="n1", step="score")
    company.answers(q_comment="more colours", nonce="n2", step="more")
    [answer] = company.rows(responses)
    assert (answer.score, answer.answers["comment"]) == (8, "more colours")


def test_an_invitation_that_nobody_answers_expires(company: Company) -> None:
    company.buys()
    company.later(2 * HOUR + 30 * DAY)
    assert company.invitation(kind="post_purchase").state == "expired"


def test_a_bounce_that_comes_before_the_receipt_waits_for_it(company: Company) -> None:
    company.buys()
    key = company.invitation(kind="post_purchase").id
    company.tell("Delivery", message_id=f"letter-{key}", state="bounced", reason="5.1.1")
    company.later(2 * HOUR)
    assert company.invitation(kind="post_purchase").reason == "bounced"


def test_an_answer_to_an_unknown_invitation_is_set_aside(company: Company) -> None:
    company.tell("OptOut", invitation="nobody")
    [row] = company.rows(inbox, state="dead")
    assert "invitation" in row.reason
