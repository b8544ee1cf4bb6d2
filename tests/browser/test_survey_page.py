"""The survey page in a real browser: by keyboard, on a phone, without scripts, for everybody's eyes and ears."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Site

PHONE = {"width": 320, "height": 640}
DESKTOP = {"width": 1280, "height": 900}

#: Every look that the page has: an invitation and what its address asks for.
LOOKS = [
    ("loyalty", ""),
    ("loyalty", "?score=9"),
    ("loyalty", "?step=more&score=3"),
    ("purchase", "?score=1"),
    ("closing", "?score=0"),
    ("loyalty", "?step=thanks&contact=1"),
]
LANGUAGES = ["en", "uk", "ru"]

#: Each text with too little contrast against what is painted behind it (WCAG 2.2, 1.4.3: 4.5 to 1).
FAINT_TEXTS = """() => {
  const parse = color => color.match(/[\\d.]+/g).map(Number);
  const light = color => {
    const [r, g, b] = parse(color).map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = node => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor;
      if ((parse(color)[3] ?? 1) > 0) return color;
    }
  };
  const faint = [];
  const walker = document.createTreeWalker(document.querySelector('.sheet'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility()) continue;
    const [one, other] = [light(getComputedStyle(node).color), light(ground(node))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) faint.push(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""

#: What assistive technology would stumble over.
FLAWS = """() => {
  const flaws = [];
  const all = selector => [...document.querySelectorAll(selector)];
  for (const field of all('input:not([type=hidden]), textarea'))
    if (!field.labels.length || !field.labels[0].textContent.trim()) flaws.push(`no label: ${field.name}`);
  for (const group of all('fieldset'))
    if (!group.querySelector('legend')?.textContent.trim()) flaws.push('a group without a name');
  for (const node of all('[aria-describedby]'))
    for (const id of node.getAttribute('aria-describedby').split(' '))
      if (!document.getElementById(id)) flaws.push(`described by nothing: ${id}`);
  const ids = all('[id]').map(node => node.id);
  if (new Set(ids).size !== ids.length) flaws.push('an id twice');
  if (all('h1').length !== 1) flaws.push(`${all('h1').length} main headings`);
  if (all('main').length !== 1) flaws.push('no main part');
  if (!document.title.trim()) flaws.push('no title');
  return flaws;
}"""

#: Controls smaller than a finger: 44 pixels for what answers, 24 for links (WCAG 2.2, 2.5.8).
SMALL_TARGETS = """() => [...document.querySelectorAll('fieldset label, .contact > label, button, textarea, a')]
  .filter(node => node.checkVisibility())
  .filter(node => node.getBoundingClientRect().height < (node.tagName === 'A' ? 24 : 44))
  .map(node => node.textContent.trim())"""

#: What has the focus: its name, how wide its outline is, whether it is in sight, whether the button covers it.
FOCUSED = """() => {
  const node = document.activeElement;
  const look = node.matches('.numbers input') ? node.nextElementSibling : node;
  const box = look.getBoundingClientRect();
  const bar = document.querySelector('.send').getBoundingClientRect();
  return [
    node.name || node.tagName,
    parseFloat(getComputedStyle(look).outlineWidth),
    box.top >= 0 && box.bottom <= innerHeight,
    !look.closest('.send, footer') && box.bottom > bar.top + 24,
  ];
}"""

Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[Open]:
    """Opens a page in a context of its own, and fails a test whose pages complained to the console."""
    complaints: list[str] = []
    pages: list[Page] = []

    def opened(token: str = "loyalty", query: str = "", **options: object) -> Page:
        page = browser.new_context(**{"viewport": DESKTOP, **options}).new_page()  # type: ignore[arg-type]
        pages.append(page)
        page.set_default_timeout(5000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(site.link(token, query))
        return page

    yield opened
    for page in pages:
        page.context.close()
    # a refused form is a 422, which Chromium notes as a resource that failed to load
    assert [complaint for complaint in complaints if "422" not in complaint] == []


def bodies(site: Site) -> list[str]:
    return [raw.body.decode() for raw in site.desk.raws]


def test_it_can_be_filled_in_by_keyboard_alone(open_page: Open, site: Site) -> None:
    page = open_page()
    press, write = page.keyboard.press, page.keyboard.type
    press("Tab")
    press("ArrowLeft")  # from the first grade round to the last
    press("ArrowLeft")
    press("ArrowLeft")
    press("Tab")
    press("Enter")
    page.wait_for_url("**step=more&score=8")
    press("Tab")  # the answer, to be changed
    press("Tab")
    write("the people")
    press("Tab")
    press("Tab")
    press("Space")
    press("Tab")
    write("+12125550123")
    press("Tab")
    write("after six")
    press("Tab")
    press("Enter")
    page.wait_for_url("**step=thanks&contact=1")
    first, second = bodies(site)
    assert "q_nps=8&" in first + "&"
    assert "q_nps=8&q_liked=the+people&q_comment=&contact=on&phone=%2B12125550123&hours=after+six" in second


def test_everything_works_without_scripts(open_page: Open, site: Site) -> None:
    page = open_page("purchase", java_script_enabled=False, viewport=PHONE)
    page.get_by_role("button").click()
    assert page.get_by_role("alert").is_visible()
    page.get_by_label("Не подобається").check()
    page.get_by_role("button").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Дякуємо, вашу відповідь збережено"
    assert not page.get_by_label("Ваш телефон").is_visible()
    page.get_by_label("Хочу, щоб зі мною").check()
    page.get_by_label("Ваш телефон").fill("+12125550123")
    page.get_by_text("Змінити").click()
    page.get_by_label("Подобається, але є проблеми").check()
    page.get_by_role("button").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Дякуємо!"
    assert "q_csat=1" in bodies(site)[0]
    assert "q_csat=2" in bodies(site)[1]


def test_a_score_link_needs_one_tap(open_page: Open, site: Site) -> None:
    page = open_page(query="?score=9", viewport=PHONE, has_touch=True, is_mobile=True)
    button = page.get_by_role("button")
    box = button.bounding_box()
    assert box
    assert box["y"] + box["height"] <= PHONE["height"], "the button is in sight, however much may be added"
    button.tap()
    page.wait_for_url("**step=thanks")
    assert "q_nps=9" in bodies(site)[0]


def test_focus_is_seen_and_never_hidden_behind_the_button(open_page: Open) -> None:
    page = open_page(query="?score=9", viewport=PHONE)
    page.get_by_role("checkbox").check()
    page.get_by_role("radio").first.focus()
    seen: list[str] = []
    while "BUTTON" not in seen:
        page.keyboard.press("Shift+Tab" if not seen else "Tab")
        name, width, is_inside, is_covered = page.evaluate(FOCUSED)
        if name != "BODY":
            assert width >= 2, name
            assert is_inside, name
            assert not is_covered, name
        seen.append(name)
    assert seen[1:] == ["q_nps", "q_liked", "q_comment", "contact", "phone", "hours", "BUTTON"]


def test_after_a_mistake_the_reader_starts_at_what_is_wrong(open_page: Open) -> None:
    page = open_page(query="?score=9")
    page.get_by_role("checkbox").check()
    page.get_by_label("Your phone number").fill("me")
    page.get_by_role("button").click()
    assert page.title().startswith("Error: ")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
    page.get_by_role("alert").get_by_role("link").click()
    phone = page.get_by_label("Your phone number")
    assert phone.evaluate("node => node === document.activeElement")
    assert phone.input_value() == "me"
    described = phone.evaluate("node => node.getAttribute('aria-describedby').split(' ')")
    assert "5 to 15 digits" in page.locator(f"#{described[0]}").inner_text()


@pytest.mark.parametrize(("token", "query"), LOOKS)
def test_every_look_is_sound_in_every_language(open_page: Open, token: str, query: str) -> None:
    page = open_page(token, query, viewport=PHONE)
    for language in LANGUAGES:
        page.locator(f'nav a[lang="{language}"]').click()
        page.wait_for_url(f"**lang={language}")
        if page.get_by_role("checkbox").count():
            page.get_by_role("checkbox").check()
        assert page.locator("html").get_attribute("lang") == language
        assert page.evaluate(FLAWS) == []
        assert page.evaluate(SMALL_TARGETS) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("token", "query"), LOOKS)
def test_every_text_stands_out_from_its_ground(open_page: Open, token: str, query: str, scheme: str) -> None:
    page = open_page(token, query, color_scheme=scheme)
    assert page.evaluate(FAINT_TEXTS) == []
    if page.get_by_role("checkbox").count():
        page.get_by_role("checkbox").check()
        page.locator("#phone").fill("me")
        page.get_by_role("button").click()
        assert page.get_by_role("alert").is_visible()
        assert page.evaluate(FAINT_TEXTS) == []


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP])
def test_long_words_and_names_do_not_widen_the_page(open_page: Open, site: Site, viewport: dict[str, int]) -> None:
    site.desk.change("loyalty", company="W" * 200, answers={"comment": "x" * 1500})
    page = open_page(query="?step=more&score=3", viewport=viewport)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_the_page_is_whole_at_twice_the_text_size(open_page: Open) -> None:
    page = open_page(query="?score=9", viewport=PHONE)
    page.evaluate("document.documentElement.style.fontSize = '32px'")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_no_more_surveys_takes_a_click_and_a_confirmation(open_page: Open, site: Site) -> None:
    page = open_page(java_script_enabled=False)
    page.get_by_role("link", name="No more surveys").click()
    assert site.desk.rows == {}
    page.get_by_role("button").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Done"
    assert [raw.headers["x-action"] for raw in site.desk.raws] == ["stop"]
