"""The pages as a site: built without a warning, and looked at in a browser."""

from __future__ import annotations

import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from browser_fixtures import browser as browser
from core_kit import environment
from docs_kit import SITE
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.timeout(300)

DEADLINE = 200  # seconds; only a broken build takes so long

PHONE = 375  # pixels


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Not on the test's stderr."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site, built from the pages; a warning fails."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "-d", folder / "cache", SITE, folder / "site"],
        env=environment(),
        timeout=DEADLINE,
        check=True,
    )
    handler = functools.partial(Quiet, directory=str(folder / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_every_page_is_on_the_site(site: str, browser: Browser) -> None:
    """In its navigation, with no error, no other host, and no wider than a phone."""
    pages = {path.stem for path in SITE.glob("*.md")}
    page = browser.new_page(viewport={"width": PHONE, "height": 800})
    trouble: list[str] = []
    page.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: trouble.append(asked.url) if not asked.url.startswith(site) else None)
    page.goto(site)
    links = page.locator(".sidebar-tree a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert {link.removesuffix(".html") for link in links} == pages - {"index"}
    for name in pages:
        page.goto(f"{site}{name}.html")
        assert page.locator("h1").count() == 1, name
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE, name
    assert trouble == []
    page.close()


def test_the_search_finds(site: str, browser: Browser) -> None:
    """A word of one page leads to it."""
    page = browser.new_page()
    page.goto(f"{site}search.html?q=gevent")
    expect(page.locator("#search-results li a").first).to_be_visible()
    found = page.locator("#search-results li a").evaluate_all("links => links.map(link => link.href)")
    assert any("recipes.html" in link for link in found)
    page.close()
