"""The survey page, from link to record."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from cxsdk.domain.clock import ManualClock
from cxsdk.domain.survey import Question, Survey
from cxsdk.web.survey_page import preferred_language
from cxsdk.web.surveys import BODY_LIMIT
from cxsdk.webhooks.links import LinkSigner
from tests.unit.web.conftest import START
from tests.unit.web.desk import Desk

FORM = {"content-type": "application/x-www-form-urlencoded"}

fuzz = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def hidden(html: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found
    return found[1]


def chosen(html: str) -> list[str]:
    """The values of the radio buttons that are chosen."""
    return [re.search(r'value="(\d+)"', tag)[1] for tag in re.findall(r'<input type="radio"[^>]* checked>', html)]  # type: ignore[index]


def test_the_first_step_asks_one_question_and_writes_nothing(page: TestClient, desk: Desk, link: str) -> None:
    shown = page.get(link)
    assert shown.status_code == 200
    assert shown.text.count("<fieldset") == 1
    assert shown.text.count('type="radio"') == 11
    assert "<textarea" not in shown.text
    assert "Sample &amp; Sons" in shown.text
    assert chosen(shown.text) == []
    assert not desk.rows


def test_a_score_is_kept_as_soon_as_it_is_sent(page: TestClient, desk: Desk, link: str) -> None:
    sent = page.post(link, data={"q_nps": "9", "step": "score", "nonce": "n1"})
    assert (sent.status_code, sent.headers["location"]) == (303, "?step=more&score=9")
    (raw,) = desk.raws
    assert raw.id.startswith("loyalty:")
    assert raw.body == b"q_nps=9&step=score&nonce=n1"
    assert raw.source == "page"
    assert raw.received_at == START
    assert raw.headers == {
        "content-type": "application/x-www-form-urlencoded",
        "x-invitation": "loyalty",
        "x-action": "answer",
        "x-scales": "nps",
        "x-words": "liked disliked comment",
    }


def test_the_second_step_asks_for_words_that_fit_the_score_and_offers_contact(page: TestClient, link: str) -> None:
    happy, unhappy = page.get(f"{link}?step=more&score=9").text, page.get(f"{link}?step=more&score=3").text
    assert "q_liked" in happy
    assert "q_disliked" not in happy
    assert "q_disliked" in unhappy
    assert "q_liked" not in unhappy
    for html in (happy, unhappy):
        assert 'name="contact"' in html
        assert 'type="tel"' in html
        assert "<details>" in html
    assert chosen(happy) == ["9"]
    assert "Your answer: 9 of 10" in happy


def test_the_second_step_ends_with_thanks(page: TestClient, desk: Desk, link: str) -> None:
    form = {"q_nps": "3", "q_comment": "slow", "contact": "on", "phone": "+1 212 555 0123", "step": "more"}
    sent = page.post(link, data=form)
    assert (sent.status_code, sent.headers["location"]) == (303, "?step=thanks&contact=1")
    assert "will contact you" in page.get(f"{link}?step=thanks&contact=1").text
    assert "will contact you" not in page.get(f"{link}?step=thanks").text
    assert len(desk.rows) == 1


def test_a_score_link_opens_one_page_with_that_score_chosen(page: TestClient, desk: Desk, link: str) -> None:
    shown = page.get(f"{link}?score=9")
    assert chosen(shown.text) == ["9"]
    assert shown.text.count("<button") == 1
    assert "q_comment" in shown.text
    assert 'name="contact"' in shown.text
    assert not desk.rows
    sent = page.post(f"{link}?score=9", data={"q_nps": "9", "step": hidden(shown.text, "step")})
    assert sent.headers["location"] == "?step=thanks"


@pytest.mark.parametrize("score", ["11", "-1", "9.0", "nine", "٩", "", "0x1", "1e1"])
def test_a_score_that_the_scale_does_not_have_chooses_nothing(page: TestClient, link: str, score: str) -> None:
    shown = page.get(link, params={"score": score})
    assert shown.status_code == 200
    assert chosen(shown.text) == []


def test_words_come_best_first_and_numbers_rise(page: TestClient, signer: LinkSigner) -> None:
    shown = page.get("/s/" + signer.sign("purchase", START + timedelta(days=1))).text
    assert re.findall(r'type="radio"[^>]*value="(\d)"', shown) == ["3", "2", "1"]
    assert shown.index("Подобається") < shown.index("Не подобається")


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "q_nps"),
        ({"q_nps": ""}, "q_nps"),
        ({"q_nps": "11"}, "q_nps"),
        ({"q_nps": "9 "}, None),
        ({"q_nps": "ten"}, "q_nps"),
        ({"q_nps": "9", "q_comment": "x" * 2001}, "q_comment"),
        ({"q_nps": "9", "q_comment": "a\r\n" * 1000}, None),
        ({"contact": "on"}, None),
        ({"contact": "on", "phone": "call me"}, "phone"),
        ({"contact": "on", "phone": "+1 (212) 555-0123"}, None),
        ({"contact": "on", "phone": "1" * 16}, "phone"),
        ({"contact": "on", "hours": "x" * 201}, "hours"),
        ({"q_nps": "9", "phone": "not wanted after all"}, None),
        ({"q_nps": "9", "q_csat": "99", "role": "admin"}, None),
    ],
)
def test_a_wrong_value_is_named_at_its_field(
    page: TestClient, desk: Desk, link: str, form: dict[str, str], field: str | None
) -> None:
    sent = page.post(link, data={"step": "more", **form})
    assert sent.status_code == (422 if field else 303)
    assert len(desk.rows) == (0 if field else 1)
    if field:
        assert f'id="{field}_problem"' in sent.text
        assert re.search(rf'aria-describedby="{field}_problem[^"]*" aria-invalid="true"', sent.text)
        assert f'href="#{field}"' in sent.text
        assert f'id="{field}"' in sent.text
        assert "<title>Error: " in sent.text


def test_what_was_typed_stays_after_a_mistake(page: TestClient, link: str) -> None:
    form = {
        "q_nps": "2",
        "q_liked": "nothing",
        "q_comment": "<b>&amp;",
        "contact": "on",
        "phone": "me",
        "hours": "6 p.m.",
    }
    again = page.post(link, data={**form, "step": "more", "nonce": "n1"}).text
    assert chosen(again) == ["2"]
    assert "nothing</textarea>" in again
    assert "&lt;b&gt;&amp;amp;</textarea>" in again
    assert 'value="me"' in again
    assert 'value="6 p.m."' in again
    assert 'id="contact" name="contact" value="on" checked' in again
    assert hidden(again, "nonce") == "n1"


def test_a_page_sent_twice_is_one_record_and_a_changed_one_another(page: TestClient, desk: Desk, link: str) -> None:
    form = {"q_nps": "9", "step": "score", "nonce": hidden(page.get(link).text, "nonce")}
    page.post(link, data=form)
    page.post(link, data=form)
    assert len(desk.rows) == 1
    page.post(link, data={**form, "q_nps": "3"})
    assert len(desk.rows) == 2
    page.post(link, data={**form, "nonce": hidden(page.get(link).text, "nonce")})
    assert len(desk.rows) == 3


def test_a_store_that_is_down_loses_nothing_that_was_typed(page: TestClient, desk: Desk, link: str) -> None:
    form = {"q_nps": "2", "q_comment": 'so "slow"', "nonce": "n1", "step": "more"}
    desk.writable = False
    down = page.post(link, data=form)
    assert (down.status_code, down.headers["retry-after"]) == (503, "7")
    assert chosen(down.text) == ["2"]
    assert "so &#34;slow&#34;</textarea>" in down.text
    assert "Not saved yet" in down.text
    desk.readable = False
    down = page.post(link, data=form)
    assert down.status_code == 503
    assert {name: hidden(down.text, name) for name in form} == {**form, "q_comment": "so &#34;slow&#34;"}
    desk.readable = desk.writable = True
    assert page.post(link, data=form).status_code == 303
    assert len(desk.rows) == 1


def test_a_store_that_is_down_says_so_on_reading(page: TestClient, desk: Desk, link: str) -> None:
    desk.readable = False
    down = page.get(link, headers={"accept-language": "uk"})
    assert (down.status_code, down.headers["retry-after"]) == (503, "5")
    assert "Одну хвилинку" in down.text
    assert page.post(f"{link}/stop").status_code == 503


def test_a_link_that_ran_out_says_so_in_the_browsers_language(
    page: TestClient, desk: Desk, clock: ManualClock, link: str
) -> None:
    clock.advance(timedelta(days=30))
    for answer in (page.get(link, headers={"accept-language": "ru"}), page.post(link, data={"q_nps": "9"})):
        assert answer.status_code == 410
    assert '<html lang="ru">' in page.get(link, headers={"accept-language": "ru"}).text
    assert not desk.rows


@pytest.mark.parametrize("changed", ["x", "a.b.c", "loyalty", "%00", "%ff", "%F0%9F%98%80"])
def test_a_link_that_is_not_ours_is_not_found(page: TestClient, desk: Desk, changed: str) -> None:
    for path in (f"/s/{changed}", f"/s/{changed}/stop"):
        answer = page.get(path, headers={"accept-language": "uk-UA,uk;q=0.9,en;q=0.8"})
        assert answer.status_code == 404
        assert '<html lang="uk">' in answer.text
        assert page.post(path).status_code == 404
    assert not desk.rows


@pytest.mark.parametrize("path", ["/s/", "/s/x/y", "/s/x/stop/", "/s//"])
def test_a_link_that_was_cut_or_lengthened_is_a_page_for_people(page: TestClient, desk: Desk, path: str) -> None:
    for answer in (page.request(method, path, headers={"accept-language": "uk"}) for method in ("GET", "POST")):
        assert answer.status_code == 404
        assert '<html lang="uk">' in answer.text
        assert answer.headers["cache-control"] == "no-store"
    assert not desk.rows


def test_a_forgotten_customer_is_not_found(page: TestClient, desk: Desk, link: str) -> None:
    desk.views.clear()
    assert page.get(link).status_code == 404
    assert page.post(link, data={"q_nps": "9"}).status_code == 404
    assert page.post(f"{link}/stop").status_code == 404


@pytest.mark.parametrize("state", ["expired", "cancelled"])
def test_an_invitation_that_is_over_takes_no_answer(page: TestClient, desk: Desk, link: str, state: str) -> None:
    desk.change("loyalty", state=state)
    assert page.get(link).status_code == 410
    assert page.post(link, data={"q_nps": "9"}).status_code == 410
    assert not desk.rows


def test_an_answer_that_is_there_can_be_added_to(page: TestClient, desk: Desk, link: str) -> None:
    desk.change("loyalty", state="answered", answers={"nps": 7, "comment": "fine", "liked": None})
    assert "already" in page.get(link).text
    assert "already" in page.get(f"{link}?score=7").text
    more = page.get(f"{link}?step=more").text
    assert chosen(more) == ["7"]
    assert "fine</textarea>" in more
    assert chosen(page.get(f"{link}?score=2").text) == ["2"]
    assert page.post(link, data={"q_nps": "2", "step": "more"}).status_code == 303


def test_opting_out_needs_a_post_and_works_after_the_link_ran_out(
    page: TestClient, desk: Desk, clock: ManualClock, link: str
) -> None:
    clock.advance(timedelta(days=300))
    desk.change("loyalty", state="expired")
    assert f'href="{link.removeprefix("/s/")}/stop"' in page.get(link).text
    asked = page.get(f"{link}/stop")
    assert asked.status_code == 200
    assert not desk.rows
    done = page.post(f"{link}/stop")
    assert done.status_code == 200
    (raw,) = desk.raws
    assert raw.headers["x-action"] == "stop"
    assert raw.headers["x-invitation"] == "loyalty"


@pytest.mark.parametrize(
    "request_body",
    [
        {"data": {"List-Unsubscribe": "One-Click"}},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b""},
    ],
)
def test_one_click_unsubscribing_is_answered_at_once_and_kept_once(
    page: TestClient, desk: Desk, link: str, request_body: dict[str, object]
) -> None:
    for _ in range(2):
        done = page.post(f"{link}/stop", **request_body)  # type: ignore[arg-type]
        assert done.status_code == 200
        assert "set-cookie" not in done.headers
    assert len(desk.rows) == 1


def test_an_opt_out_that_could_not_be_stored_can_be_sent_again(page: TestClient, desk: Desk, link: str) -> None:
    desk.writable = False
    down = page.post(f"{link}/stop")
    assert (down.status_code, down.headers["retry-after"]) == (503, "7")
    assert "<button" in down.text


def test_too_much_is_refused_before_it_is_read(page: TestClient, desk: Desk, link: str) -> None:
    for path in (link, f"{link}/stop"):
        assert page.post(path, content=b"q_comment=" + b"x" * BODY_LIMIT, headers=FORM).status_code == 413
    assert not desk.rows
    longest = {"q_nps": "9", **{f"q_{id}": "ї" * 2000 for id in ("liked", "disliked", "comment")}}
    assert page.post(link, data=longest).status_code == 303


def test_every_page_is_private_and_allows_its_own_style_only(page: TestClient, link: str) -> None:
    answers = [page.get(link), page.get("/s/x"), page.post(link, data={"q_nps": "9"}), page.get(f"{link}/stop")]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "noindex" in answer.headers["x-robots-tag"]
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none';")
        assert "form-action 'self'" in policy
        if style := re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
            assert f"style-src 'sha256-{digest}'" in policy


def test_no_page_loads_or_runs_anything(page: TestClient, link: str) -> None:
    for html in (page.get(link).text, page.get(f"{link}?score=3").text, page.get(f"{link}/stop").text):
        assert not re.search(r"<script|<img|\son\w+=|https?://|style=", html)


def test_head_is_answered_and_other_methods_are_not(page: TestClient, link: str) -> None:
    head = page.head(link)
    assert head.status_code == 200
    assert not head.content
    refused = page.put(link)
    assert refused.status_code == 405
    assert {"GET", "HEAD", "POST"} == {method.strip() for method in refused.headers["allow"].split(",")}


@pytest.mark.parametrize(("language", "word"), [("uk", "Надіслати"), ("ru", "Отправить"), ("en", "Send")])
def test_the_language_can_be_switched_and_stays(page: TestClient, link: str, language: str, word: str) -> None:
    shown = page.get(f"{link}?lang={language}&score=9").text
    assert f'<html lang="{language}">' in shown
    assert word in shown
    assert f'href="?score=9&amp;lang={language}"' in shown
    assert f'/stop?lang={language}"' in shown
    sent = page.post(f"{link}?lang={language}", data={"q_nps": "9", "step": "score"})
    assert sent.headers["location"] == f"?step=more&score=9&lang={language}"


def test_an_unknown_language_is_the_invitations_own(page: TestClient, link: str) -> None:
    assert '<html lang="en">' in page.get(f"{link}?lang=tlh", headers={"accept-language": "ru"}).text


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("uk-UA,uk;q=0.9,en;q=0.8", "uk"),
        ("de, ru;q=0.5, en;q=0.4", "ru"),
        ("en;q=0.1, ru;q=0.9", "ru"),
        ("ru;q=0, uk;q=0.1", "uk"),
        ("*", "en"),
        ("ru;q=nan", "en"),
    ],
)
def test_the_browsers_first_language_that_is_shipped_is_taken(header: str, language: str) -> None:
    assert preferred_language(header) == language


def test_own_wording_is_shown(page: TestClient, desk: Desk, link: str) -> None:
    desk.change("loyalty", texts={"page.send": {"en": "Off it goes <3"}})
    assert "Off it goes &lt;3</button>" in page.get(link).text


def test_a_survey_without_a_score_is_one_page(page: TestClient, desk: Desk, link: str) -> None:
    desk.change("loyalty", survey=Survey(name="words", questions=(Question(id="why", text={"en": "Why?"}),)))
    shown = page.get(link).text
    assert "Why?" in shown
    assert 'name="contact"' in shown
    assert page.post(link, data={"step": "full"}).status_code == 422
    assert page.post(link, data={"step": "full", "q_why": "so"}).headers["location"] == "?step=thanks"


@fuzz
@given(
    body=st.binary(max_size=2000),
    kind=st.sampled_from(["", "application/x-www-form-urlencoded", "multipart/form-data"]),
)
def test_no_bytes_make_the_page_fail(page: TestClient, link: str, body: bytes, kind: str) -> None:
    sent = page.post(link, content=body, headers={"content-type": kind} if kind else {})
    assert sent.status_code in (303, 422)


@fuzz
@given(
    st.dictionaries(
        st.sampled_from(["q_nps", "q_comment", "q_liked", "contact", "phone", "hours", "nonce", "step", "stop", "q_x"]),
        st.one_of(st.text(max_size=300), st.integers(-5, 15).map(str), st.just("on")),
    )
)
def test_no_form_makes_the_page_fail_and_each_refusal_names_a_field(
    page: TestClient, desk: Desk, link: str, form: dict[str, str]
) -> None:
    before = len(desk.rows)
    sent = page.post(link, data=form)
    assert sent.status_code in (303, 422)
    assert ('aria-invalid="true"' in sent.text) == (sent.status_code == 422)
    assert sent.status_code == 303 or len(desk.rows) == before


@fuzz
@given(
    st.dictionaries(st.sampled_from(["score", "step", "lang", "contact"]), st.text(max_size=50)),
    st.text("en-ukrzq=;,.019* "),
)
def test_no_query_and_no_header_make_the_page_fail(
    page: TestClient, link: str, query: dict[str, str], accept: str
) -> None:
    assert page.get(link, params=query, headers={"accept-language": accept}).status_code == 200
    assert page.get("/s/x", params=query, headers={"accept-language": accept}).status_code == 404
