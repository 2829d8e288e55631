"""What the tests of the pages share: a page's blocks, its links, and what its commands consist of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GAMES = Path(__file__).parent / "games"
SITE = ROOT / "assets" / "docs"
PAGES = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"),
    *sorted(path.relative_to(ROOT).as_posix() for path in SITE.glob("*.md")),
)

_FENCE = re.compile(
    r"(?:<!-- (?P<mark>[a-z]+) -->\n)?```(?P<language>[\w{}-]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A block of code. `mark`: the word in the comment right before it, which says how it is run."""

    page: str
    line: int
    language: str
    mark: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(language: str | None = None, mark: str | None = None) -> list[Block]:
    """The blocks of all pages; those of one language, those with one mark."""
    return [
        block
        for page in PAGES
        for block in _blocks_of(page)
        if language in (None, block.language) and mark in (None, block.mark)
    ]


def _blocks_of(page: str) -> Iterator[Block]:
    text = text_of(page)
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start("code")) + 1
        yield Block(page, line, found["language"], found["mark"] or "", found["code"])


def prose(page: str) -> str:
    """The page without its blocks of code."""
    return _FENCE.sub("", text_of(page))


def commands(page: str) -> list[str]:
    """The command lines of a page: in blocks, each part of a `&&` by itself, and those that stand between backticks."""
    in_blocks = [block.code for block in _blocks_of(page) if block.language == "sh"]
    lines = [part.strip() for code in in_blocks for line in code.splitlines() for part in line.split("&&")]
    spans = re.findall(r"`([^`\n]+)`", prose(page))
    return lines + [span for span in spans if re.match(r"(\w+=\S+ )?(python -m|gs-pygame) \S", span)]


def headings(page: str) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
