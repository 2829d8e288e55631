"""The pages in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from browser_fixtures import browser as browser
from playwright.sync_api import Browser, Page, expect
from server_kit import DEADLINE, end, listening, record
from sqlite_server_fixtures import address as address
from sqlite_server_fixtures import store as store

from gs_pygame.server import Store, create_app, open_store
from gs_pygame.server._times import format_millis
from tests.benchmarks.dashboard import add_up, fill, time_of, views

MANY = 20_000
"""Sessions; by hand, with a million, `tests/benchmarks/dashboard.py`."""

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 700}

HIDE = """hidden => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""

Visit = Callable[..., Page]

expect.set_options(timeout=DEADLINE * 1000)


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """Open a page of a server's. In the end no page has asked another host, nor met an error.

    A page asks its server again and again, so it goes before the server does: hence the address.
    """
    asked: list[str] = []
    wrong: list[str] = []
    with ExitStack() as stack:

        def open_page(address: str, **options: Any) -> Page:
            context = stack.enter_context(
                browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
            )
            context.set_default_timeout(DEADLINE * 1000)
            page = context.new_page()
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: wrong.append(message.text))
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.goto(address)
            return page

        yield open_page
    assert wrong == []
    assert {urlsplit(url).hostname for url in asked} <= {"127.0.0.1", None}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with many sessions, all of them added up."""
    file = tmp_path_factory.mktemp("many") / "sessions.sqlite3"
    with closing(open_store(f"sqlite:///{file}")) as store:
        fill(store, MANY)
        add_up(store)
        with listening(create_app(store)) as served:
            yield served


def now(player: str, name: str, **session: Any) -> dict[str, Any]:
    """A session that has just ended."""
    measured = {"endedAt": format_millis(time.time_ns() // 1000), "activeMs": 61_000, "reason": "quit", **session}
    return end(name, playerId=player, scriptData={"session": measured})


def width(page: Page) -> int:
    """What the page takes, beyond which it would scroll sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth"))


def test_an_empty_page_fills_by_itself(visit: Visit, address: str, store: Store) -> None:
    """It says what to do; the first sessions show without a reload, and so do the filters."""
    page = visit(address)
    expect(page.get_by_text("No session has ended yet")).to_be_visible()
    page.evaluate("window.same = true")
    record(store, *(now("ada", f"r{number}") for number in range(3)))
    expect(page.get_by_text("median of 3")).to_be_visible()
    expect(page.get_by_label("Version")).to_be_visible()
    assert page.evaluate("window.same"), "the page was loaded anew"


def test_a_page_that_changes_keeps_its_place(visit: Visit, address: str, store: Store) -> None:
    """What is open stays open, what has the focus keeps it, what is being filled in stays, and nothing moves."""
    record(store, *(now("ada", f"r{number}") for number in range(40)))
    page = visit(address)
    expect(page.get_by_text("median of 40")).to_be_visible()
    page.get_by_text("As a table").click()
    page.get_by_label("From", exact=True).fill("2026-01-01")
    page.locator("main summary").focus()
    page.evaluate("window.scrollTo(0, 700)")
    record(store, now("bob", "another"))
    expect(page.get_by_text("median of 41")).to_be_attached()
    assert page.locator("details").get_attribute("open") is not None
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    assert page.evaluate("Math.round(window.scrollY)") == 700
    assert page.get_by_label("From", exact=True).input_value() == "2026-01-01"


def test_nobody_looks_and_nothing_is_asked(visit: Visit, address: str, store: Store) -> None:
    """A hidden page asks for nothing; shown again, it is as it should be at once."""
    page = visit("about:blank")
    page.clock.install()
    page.goto(address)
    page.evaluate(HIDE, True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    record(store, now("ada", "r"))
    page.clock.run_for(60_000)
    assert asked == []
    page.evaluate(HIDE, False)
    expect(page.locator("#sessions")).to_contain_text("ada")


def test_markup_is_text(visit: Visit, address: str, store: Store) -> None:
    """In every name that a client can choose: it would be a console error, were it more."""
    evil = "<img src=x onerror=alert(1)><b>bold</b>"
    record(store, now(evil, "r", app=evil, appVersion=evil, platform=evil, reason=evil))
    page = visit(address)
    expect(page.get_by_text("median of 1")).to_be_visible()
    assert page.locator("main img, main b").count() == 0
    page.locator("#sessions").get_by_role("link", name=evil).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(evil)
    expect(page.locator("#sessions tbody tr")).to_have_count(1)


def test_filters_are_in_the_address(visit: Visit, many: str) -> None:
    """A form, links for ranges, links in tables: each view has an address that shows it again."""
    page = visit(many)
    page.get_by_label("Platform").select_option("Linux")
    page.get_by_label("From", exact=True).fill(str(date.today() - timedelta(60)))
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("platform=Linux.*from="))
    assert {*page.locator("#sessions tbody td:nth-child(9)").all_inner_texts()} == {"Linux"}
    page.get_by_role("link", name="7 days", exact=True).click()
    page.wait_for_url(lambda url: "platform=Linux" in url and "from=" not in url)
    page.locator("section", has=page.get_by_role("heading", name="Versions")).get_by_role("link").first.click()
    page.wait_for_url(re.compile("version=1"))
    page.get_by_label("Version").select_option("")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(lambda url: "version=1" not in url)


def test_pages_of_sessions(visit: Visit, many: str) -> None:
    """Older ones are a link away, and so is the way back."""
    page = visit(many)
    rows = page.locator("#sessions tbody")
    first = rows.inner_text()
    page.get_by_role("link", name="Older").click()
    page.wait_for_url(re.compile("before="))
    assert rows.inner_text() != first
    page.get_by_role("link", name="Newest").click()
    page.wait_for_url(lambda url: "before=" not in url)
    assert rows.inner_text() == first


def test_one_players_history(visit: Visit, many: str) -> None:
    """From a session to all of its player's, and back."""
    page = visit(many)
    link = page.locator("#sessions tbody a").first
    name = link.inner_text()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_role("img")).to_have_attribute("aria-label", re.compile("session"))
    page.get_by_role("link", name="All players").click()
    expect(page.get_by_text("Players today")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/player?id=p-1"])
def test_on_a_phone_nothing_scrolls_sideways(visit: Visit, many: str, path: str) -> None:
    """Tables that are wider scroll by themselves."""
    assert width(visit(many + path, viewport=PHONE)) == PHONE["width"]


def test_what_has_no_place_to_break_fits_a_phone(visit: Visit, address: str, store: Store) -> None:
    """Long names do, and so does the empty page."""
    page = visit(address, viewport=PHONE)
    assert width(page) == PHONE["width"]
    long = {"app": "g" * 150, "appVersion": "v" * 150, "platform": "o" * 150}
    record(store, now("p" * 150, "r", **long))
    expect(page.get_by_text("median of 1")).to_be_visible()
    assert width(page) == PHONE["width"]
    page.goto(f"{address}/player?id={'p' * 150}")
    assert width(page) == PHONE["width"]


def test_it_is_light_or_dark_as_its_reader_likes(visit: Visit, address: str) -> None:
    """The ground has the colour for it."""
    seen = [
        visit(address, color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert seen == ["rgb(246, 247, 249)", "rgb(18, 21, 28)"]


def test_it_can_be_read_without_a_script(visit: Visit, many: str) -> None:
    """Everything is in the page as it comes."""
    expect(visit(many, java_script_enabled=False).get_by_text("Players today")).to_be_visible()


def test_each_view_has_an_answer(many: str) -> None:
    """All that the benchmark times."""
    for path in views(many).values():
        time_of(many, path)
