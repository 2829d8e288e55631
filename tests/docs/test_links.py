"""The links of all pages lead somewhere; those that leave the project are few, and known."""

from __future__ import annotations

import re

import pytest
from docs_kit import PAGES, ROOT, headings, prose

OUTSIDE = {
    "http://127.0.0.1:8765",
    "https://...",
    "https://sessions.example.com",
    "postgresql://USER@HOST/NAME",
    "https://{api_key}.example.com",
    "sqlite:///FILE",
}


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str) -> None:
    """Each file is there, and each heading."""
    missing = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = target.partition("#")
        leads_to = (ROOT / page).parent / path if path else ROOT / page
        if not leads_to.exists() or (anchor and anchor not in headings(str(leads_to))):
            missing.append(target)
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_addresses(page: str) -> None:
    """No address that this project does not know of; it asks none of them."""
    assert set(re.findall(r"\w+://[^\s`\")|;\]]+", prose(page))) <= OUTSIDE
