"""The CRM's own pages, mounted where the account's pages are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from sqlite3 import connect

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from cxsdk import Attachment, CallState, Direction, Kind, LogEntry, Person, Task, email, handle, phone
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, read
from cxsdk_localcrm import LocalCRM, database

ROOT = "/accounts/localcrm"


@pytest.fixture
def client(crm: LocalCRM) -> Iterator[TestClient]:
    app = Starlette(routes=[Mount(ROOT, crm.pages())])
    with TestClient(app, base_url="http://127.0.0.1:8001/accounts/localcrm/", follow_redirects=False) as client:
        yield client


def add_task(crm: LocalCRM, person_id: str, key: str = "t1", **changes: object) -> str:
    known = {"title": "Call back", "text": "Said: nobody answered", "due": NOW + timedelta(hours=1), **changes}
    [receipt] = crm.save_tasks([Task(key=key, person_id=person_id, **known)])
    return receipt.id or ""


def log(crm: LocalCRM, person_id: str, key: str = "e1", **changes: object) -> None:
    known = {"kind": Kind.CALL, "direction": Direction.INBOUND, "at": NOW, **changes}
    crm.log([LogEntry(key=key, person_id=person_id, **known)])


class Outline(HTMLParser):
    """The elements of a page with their attributes; void ones need no end, all others need theirs."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "input"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_an_open_task_shows_all_that_one_needs_to_do_it(client: TestClient, crm: LocalCRM, person_id: str) -> None:
    add_task(crm, person_id, urgent=True)
    page = client.get("").text
    for words in ("Call back", "Said: nobody answered", "Sample Person", "Agent One", "Urgent", "in 1 h 0 min"):
        assert words in page
    assert "5 Jan 2026, 13:00 UTC" in page
    assert f'href="{ROOT}/people/{person_id}"' in page


def test_a_late_task_is_marked_in_words(client: TestClient, crm: LocalCRM, person_id: str, clock: ManualClock) -> None:
    add_task(crm, person_id)
    assert "late" not in client.get("").text
    clock.advance(timedelta(hours=3))
    assert "2 h 0 min late" in client.get("").text
    assert "1 late" in client.get("").text


def test_done_with_a_comment_completes_the_task_and_leads_back(
    client: TestClient, crm: LocalCRM, person_id: str
) -> None:
    id = add_task(crm, person_id)
    answer = client.post(f"tasks/{id}/done", data={"comment": " Solved ☎\r\nby phone "})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ROOT}/?done={id}")
    assert [(task["done"], task["comment"]) for task in crm.tasks()] == [(True, "Solved ☎\nby phone")]
    [page] = read(crm, "tasks")
    [change] = crm.parse(page.items[0])
    assert (change.task_id, change.done, change.comment) == (id, True, "Solved ☎\nby phone")
    assert f"Task {id} is done." in client.get(f"?done={id}").text


def test_from_a_persons_page_one_comes_back_to_it(client: TestClient, crm: LocalCRM, person_id: str) -> None:
    id = add_task(crm, person_id)
    answer = client.post(f"tasks/{id}/delete", data={"person": person_id})
    assert answer.headers["location"] == f"{ROOT}/people/{person_id}?deleted={id}"
    assert [task["deleted"] for task in crm.tasks()] == [True]
    assert "Nothing is waiting" in client.get("").text


def test_a_button_pressed_twice_says_that_nothing_was_changed(
    client: TestClient, crm: LocalCRM, person_id: str
) -> None:
    id = add_task(crm, person_id)
    client.post(f"tasks/{id}/done", data={"comment": "first"})
    answer = client.post(f"tasks/{id}/done", data={"comment": "second"})
    assert answer.headers["location"] == f"{ROOT}/?gone={id}"
    assert "nothing was changed" in client.get(f"?gone={id}").text
    assert [task["comment"] for task in crm.tasks()] == ["first"]


@pytest.mark.parametrize("id", ["0", "99", "x", "1%20", "9" * 40, "%ED%A0%80"])
def test_a_task_that_never_was_cannot_be_done(client: TestClient, crm: LocalCRM, id: str) -> None:
    answer = client.post(f"tasks/{id}/done", data={"person": "//evil.example.com"})
    assert answer.status_code == 303
    assert re.fullmatch(rf"{ROOT}/\?gone=\d+", answer.headers["location"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8001"}, 303),
        ({"sec-fetch-site": "none"}, 303),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8001"}, 403),
        ({"origin": "http://127.0.0.1:8001"}, 303),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "http://evil.example.com"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({}, 303),
    ],
)
@pytest.mark.parametrize("path", ["tasks/1/done", "tasks/1/delete", "agents/1"])
def test_no_other_sites_page_can_press_a_button(
    client: TestClient, crm: LocalCRM, person_id: str, path: str, headers: dict[str, str], status: int
) -> None:
    add_task(crm, person_id)
    assert client.post(path, headers=headers).status_code == status
    untouched = [task["done"] or task["deleted"] for task in crm.tasks()] == [False] and crm.agents()[0].active
    assert untouched is (status == 403)


def test_a_form_that_is_too_long_is_refused(client: TestClient, crm: LocalCRM, person_id: str) -> None:
    id = add_task(crm, person_id)
    assert client.post(f"tasks/{id}/done", data={"comment": "x" * 70_000}).status_code == 413
    assert client.post(f"tasks/{id}/done", data={"comment": "я" * 5000}).status_code == 303
    assert [len(task["comment"]) for task in crm.tasks()] == [5000]


def test_bytes_that_are_no_text_are_kept_as_far_as_they_are(client: TestClient, crm: LocalCRM, person_id: str) -> None:
    id = add_task(crm, person_id)
    client.post(f"tasks/{id}/done", content=b"comment=a%00b%ff%ed%a0%80c&comment")
    client.post(f"tasks/{add_task(crm, person_id, 't2')}/done", content=b"comment=a%00b%ffc")
    assert [task["comment"] for task in crm.tasks()] == ["", "ab\ufffdc"]


@pytest.mark.parametrize("path", ["tasks/1/done", "tasks/1/delete"])
def test_reading_a_page_never_changes_anything(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 405


@pytest.mark.parametrize("asked", ["зразок", "ЗРАЗОК", "klient@", "+1 (212) 555-0199", "2125550199", "4711"])
def test_people_are_found_by_name_number_or_address(client: TestClient, crm: LocalCRM, asked: str) -> None:
    some = (email("klient@example.com"), phone("+12125550199"), handle("telegram", 4711))
    crm.create_people([Person(key="a", name="Зразок Клієнта", identities=some), Person(key="b", name="Other")])
    page = client.get("people", params={"q": asked}).text
    assert "Зразок Клієнта" in page
    assert "Other" not in page
    assert "1 person" in page


@pytest.mark.parametrize("asked", ["%", "_", "\\", "'", "100%", "nobody", "\0"])
def test_a_search_means_what_it_says(client: TestClient, crm: LocalCRM, asked: str) -> None:
    crm.create_people([Person(key="a", name="Sample")])
    assert "Nobody has" in client.get("people", params={"q": asked}).text


def test_people_come_in_pages_that_keep_the_search(client: TestClient, crm: LocalCRM) -> None:
    crm.create_people([Person(key=f"p{n}", name=f"Sample & {n:03}") for n in range(120)])
    first, last = client.get("people?q=%26").text, client.get("people?q=%26&page=3").text
    assert "120 people" in first
    assert "Page 1 of 3" in first
    assert f'href="{ROOT}/people?q=%26&amp;page=2"' in first
    assert [f"Sample &amp; {n:03}" in first for n in (119, 70, 69)] == [True, True, False]
    assert "Sample &amp; 000" in last
    assert 'rel="next"' not in last


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "9" * 30])
def test_a_page_that_cannot_be_is_the_first(client: TestClient, crm: LocalCRM, person_id: str, page: str) -> None:
    assert "Sample Person" in client.get(f"people?page={page}").text


def test_a_page_behind_the_last_leads_back(client: TestClient, crm: LocalCRM, person_id: str) -> None:
    page = client.get("people?page=7").text
    assert "Nothing here" in page
    assert f'href="{ROOT}/people?page=1"' in page


def test_a_persons_page_tells_who_they_are_and_what_passed_newest_first(
    client: TestClient, crm: LocalCRM, person_id: str
) -> None:
    log(crm, person_id, "old", text="The first call", at=NOW - timedelta(days=1), state=CallState.ENDED, seconds=65)
    log(crm, person_id, "new", text="The latest", comment="Be kind", kind=Kind.EMAIL, direction=Direction.OUTBOUND,
        agent_id="2", subject="About it", attachments=(Attachment(name="offer.pdf"),))  # fmt: skip
    page = client.get(f"people/{person_id}").text
    assert page.index("The latest") < page.index("The first call")
    for words in ("+12125550123", "Agent One", "E-mail to the customer", "5 Jan 2026, 12:00 UTC", "About it", "Be kind",
                  "offer.pdf", "Call from the customer", "4 Jan 2026, 12:00 UTC", "1:05 min", "Agent Two"):  # fmt: skip
        assert words in page


def test_a_long_timeline_comes_in_pages(client: TestClient, crm: LocalCRM, person_id: str) -> None:
    for n in range(51):
        log(crm, person_id, f"e{n}", text=f"Contact {n:02}.", at=NOW + timedelta(minutes=n))
    first, second = client.get(f"people/{person_id}").text, client.get(f"people/{person_id}?page=2").text
    assert ("Contact 50." in first, "Contact 00." in first) == (True, False)
    assert ("Contact 50." in second, "Contact 00." in second) == (False, True)


def test_a_guessed_identity_says_so(client: TestClient, crm: LocalCRM) -> None:
    crm.create_people([Person(key="a", identities=(email("sample@example.com").maybe(),))])
    assert "perhaps" in client.get("people/1").text


def test_a_done_task_stays_on_the_persons_page_without_buttons(
    client: TestClient, crm: LocalCRM, person_id: str
) -> None:
    crm.complete_task(add_task(crm, person_id), "All is well")
    page = client.get(f"people/{person_id}").text
    assert "All is well" in page
    assert "<button" not in page


@pytest.mark.parametrize("path", ["people/99", "people/x", "people/1%00", "nothing/here"])
def test_what_is_not_there_is_a_page_that_leads_on(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert f'href="{ROOT}/"' in answer.text


def test_an_agent_who_is_stopped_gets_no_new_leads_and_no_tasks(
    client: TestClient, crm: LocalCRM, person_id: str
) -> None:
    assert client.post("agents/1", data={"active": "0"}).headers["location"] == f"{ROOT}/agents"
    crm.create_people([*(Person(key=key) for key in "abc"), Person(key="d", agent_id="1")])
    add_task(crm, person_id)
    assert [person["agent_id"] for person in crm.people()] == ["1", "2", "2", "2", "2"]
    assert [task["agent_id"] for task in crm.tasks()] == ["2"]
    assert [agent.active for agent in crm.agents()] == [False, True]
    assert "Not active" in client.get("agents").text
    client.post("agents/1", data={"active": "1"})
    assert [agent.active for agent in crm.agents()] == [True, True]


def test_where_all_agents_are_stopped_somebody_still_gets_the_lead(client: TestClient, crm: LocalCRM) -> None:
    for id in "12":
        client.post(f"agents/{id}", data={"active": "0"})
    crm.create_people([Person(key="a")])
    assert [person["agent_id"] for person in crm.people()] == ["1"]


def test_an_agent_who_never_was_cannot_be_stopped(client: TestClient) -> None:
    assert client.post("agents/9", data={"active": "0"}).status_code == 404


def test_a_recording_is_a_link_only_where_it_is_safe_to_follow(
    client: TestClient, crm: LocalCRM, person_id: str
) -> None:
    log(crm, person_id, "a", recording_url="https://pbx.example.com/1.mp3?a=1&b=2")
    log(crm, person_id, "b", recording_url="javascript:alert(1)")
    links = [link["href"] for link in Outline(client.get(f"people/{person_id}").text).all("a")]
    assert "https://pbx.example.com/1.mp3?a=1&b=2" in links
    assert not [link for link in links if link and "javascript" in link]
    assert "javascript:alert(1)" in client.get(f"people/{person_id}").text


hostile = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "]]>", "\0", "\u202eevil", "&amp;"]
)


@given(hostile, hostile)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_whatever_a_customer_writes_adds_no_element_and_no_attribute(
    client: TestClient, crm: LocalCRM, one: str, other: str
) -> None:
    def shapes() -> list[list[tuple[str, list[str]]]]:
        return [
            [(tag, sorted(attributes)) for tag, attributes in Outline(client.get(path).text).found]
            for path in ("", "people", "people/1", "agents")
        ]

    write_everywhere(crm, "Plain", "text")
    plain = shapes()
    write_everywhere(crm, one, other)
    assert shapes() == plain


def write_everywhere(crm: LocalCRM, one: str, other: str) -> None:
    """The same person, entry and task with other words."""
    crm.create_people([Person(key="hostile", identities=(handle("telegram", 1),))])
    log(crm, "1", revision=1, subject=one, text=other, comment=one, counterpart=other, account=one,
        recording_url=f"x{one}", attachments=(Attachment(name=other),))  # fmt: skip
    add_task(crm, "1", title=f"x{one}", text=other)
    with connect(crm.database) as db:
        db.execute("UPDATE people SET label = ?, name = ?, source = ?, language = ?", (one, one, other, one))
        db.execute("UPDATE identities SET identity = ?", (f"telegram:{other}",))
    db.close()


@pytest.mark.parametrize("path", ["", "people", "people/1", "agents", "people/99"])
def test_a_page_is_plain_html_that_works_by_keyboard_and_for_screen_readers(
    client: TestClient, crm: LocalCRM, person_id: str, path: str
) -> None:
    add_task(crm, person_id)
    log(crm, person_id)
    answer = client.get(path)
    page = Outline(answer.text)
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1
    assert not page.all("script")
    assert not [name for _, attributes in page.found for name in attributes if name.startswith("on") or name == "style"]
    ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {label["for"] for label in page.all("label")}
    fields = [field for field in page.all("input") + page.all("textarea") if field.get("type") != "hidden"]
    assert {field["id"] for field in fields} <= labelled
    links = {link["href"] for link in page.all("a") + page.all("link")}
    assert all(link and link.startswith((f"{ROOT}/", "#", "data:,")) for link in links)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_the_style_comes_with_the_pages(client: TestClient) -> None:
    style = client.get("static/style.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "prefers-color-scheme: dark" in style.text
    assert "http" not in style.text


def test_what_is_done_on_the_pages_is_no_call_of_ours(client: TestClient, crm: LocalCRM, person_id: str) -> None:
    before = crm.calls()
    for path in ("", "people", f"people/{person_id}", "agents"):
        client.get(path)
    assert crm.calls() == before


def test_a_busy_database_is_a_page_that_says_so(
    client: TestClient, crm: LocalCRM, person_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = add_task(crm, person_id)
    monkeypatch.setattr(database, "PATIENCE_S", 0.05)
    crm.close()  # so that the next connection is made with that little patience
    other = connect(crm.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = client.post(f"tasks/{id}/done")
    other.close()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "Nothing was changed" in answer.text
