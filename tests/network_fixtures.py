"""Fixtures: a fault server, certificates of an authority of our own, and a log that hears everything."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from network_kit import SECRET, Log, context

from gs_pygame.destinations import GameSparks
from gs_pygame.testing import FaultServer


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy, certificate or password of the machine that runs the tests."""
    for scheme in ("http", "https", "all", "no"):
        for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
            monkeypatch.delenv(name, raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC", "DO_NOT_TRACK", "GS_PYGAME_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def destination(server: FaultServer) -> Iterator[GameSparks]:
    made = GameSparks(server.url, SECRET)
    yield made
    made.close()


@pytest.fixture
def elsewhere() -> Iterator[FaultServer]:
    """A second host, which should never hear of us."""
    with FaultServer() as running:
        yield running


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that no client knows."""
    return trustme.CA()


@pytest.fixture(scope="session")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The authority's certificate, for REQUESTS_CA_BUNDLE."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def tls_server(authority: trustme.CA) -> Iterator[FaultServer]:
    """An HTTPS server with a certificate for its address, by the authority."""
    with FaultServer(tls=context(authority.issue_cert("127.0.0.1"))) as running:
        yield running


@pytest.fixture
def log() -> Iterator[Log]:
    heard, root = Log(), logging.getLogger()
    level = root.level
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    logging.captureWarnings(True)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ResourceWarning)  # of what another test left, and is collected now
        yield heard
    logging.captureWarnings(False)
    root.setLevel(level)
    root.removeHandler(heard)
