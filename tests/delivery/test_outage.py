"""The whole plugin, with real threads and real sockets, and a server that is down, wrong, rude, or not the server."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pygame
import pytest
from network_kit import DEADLINE, QUOTED, SECRET, Log, eventually

from gs_pygame import EndSessionResponse, Session, SessionPlugin, Settings, Status
from gs_pygame.testing import FaultServer, Reply, Request, Wire
from gs_pygame.testing.replies import answer, portal, redirect, reset_amid, reset_before, truncated, verified


@pytest.fixture(autouse=True)
def _pygame(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    pygame.init()
    yield
    pygame.quit()


class Accepting:
    """Answers rightly, and remembers which requestIds got that answer."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def __call__(self, request: Request, wire: Wire) -> None:
        self.ids.append(request.json["requestId"])
        verified(sessionDuration=request.json["scriptData"]["session"]["activeMs"])(request, wire)


@pytest.fixture
def accepted(server: FaultServer) -> Accepting:
    """What the server does unless a test tells it otherwise."""
    server.default = accepting = Accepting()
    return accepting


class Told:
    """What on_delivered was told."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def __call__(self, session: Session, response: EndSessionResponse) -> None:
        self.ids.append(session.id)


@pytest.fixture
def told() -> Told:
    return Told()


Start = Callable[[FaultServer], SessionPlugin]


@pytest.fixture
def start(tmp_path: Path, told: Told) -> Iterator[Start]:
    """Start the plugin in one folder, however often."""
    started: list[SessionPlugin] = []

    def starter(server: FaultServer) -> SessionPlugin:
        settings = Settings(
            data_dir=tmp_path / "data",
            endpoint=server.url,
            secret=SECRET,
            on_delivered=told,
            exit_delivery="next-start",  # here the game that "ends" is this process, which goes on
        )
        started.append(SessionPlugin(settings, focused=lambda: True))
        return started[-1]

    yield starter
    for plugin in started:
        plugin.close()


def play(plugin: SessionPlugin, sessions: int) -> list[str]:
    """Play so many sessions; the requestIds of their ends, in order."""
    ids = []
    for _ in range(sessions):
        plugin.start_session()
        assert plugin.session is not None
        ids.append(f"d_{plugin.session.id}")
        plugin.end_session()
    return ids


def test_a_server_that_is_down_and_comes_back(
    server: FaultServer, accepted: Accepting, start: Start, told: Told
) -> None:
    """Everything that was played meanwhile arrives by itself, in order, each end once, and the game is told of each."""
    server.down()
    plugin = start(server)
    ids = play(plugin, 5)
    eventually(lambda: plugin.status().online is False)
    assert plugin.status().ready == 5
    server.up()
    eventually(lambda: plugin.status().delivered == 5)
    assert accepted.ids == ids
    assert len(server.requests) == 5
    eventually(lambda: plugin.flush(0.0) and len(told.ids) == 5)
    assert [f"d_{session_id}" for session_id in told.ids] == ids
    status = plugin.status()
    assert (status.ready, status.rejected, status.dropped, status.online) == (0, 0, {}, True)


def test_an_outage_that_outlives_the_game(server: FaultServer, accepted: Accepting, start: Start, told: Told) -> None:
    """What could not be delivered before the game ended arrives at the next start, once, before what comes after."""
    server.down()
    first = start(server)
    ids = play(first, 3)
    eventually(lambda: first.status().online is False)  # else it might deliver even after it was closed
    first.close()
    server.up()
    second = start(server)
    ids += play(second, 1)
    assert second.flush(DEADLINE)
    assert accepted.ids == ids
    assert len(server.requests) == 4
    eventually(lambda: second.flush(0.0) and len(told.ids) == 4)


FAULTS: dict[str, tuple[Reply, str]] = {
    "portal": (portal, "portal"),
    "nothing": (answer(204), "portal"),
    "500": (answer(500), "HTTP 500"),
    "413 of a proxy": (answer(413, b"<html>"), "HTTP 413"),
    "redirect": (redirect("/login"), "redirects"),
    "403": (answer(403, b"{}"), "does not let us in"),
    "403 of a firewall": (answer(403, b"<html>"), "refuses us"),
    "not authorised": (verified(error={"authorisation": "NOT AUTHORISED"}), "does not let us in"),
    "reset before the answer": (reset_before, "broke off"),
    "reset amid the answer": (reset_amid, "broke off"),
    "truncated": (truncated, "broke off"),
}


@pytest.mark.parametrize(("reply", "words"), FAULTS.values(), ids=FAULTS)
def test_nothing_is_lost_to_a_fault(
    server: FaultServer, accepted: Accepting, start: Start, log: Log, reply: Reply, words: str
) -> None:
    """The end stays and status() says why; then it comes through, under the same requestId; no log has the secret."""
    seen = threading.Event()

    def later(request: Request, wire: Wire) -> None:
        seen.wait(DEADLINE)
        accepted(request, wire)

    server.script(reply, later)
    plugin = start(server)
    ids = play(plugin, 1)
    eventually(lambda: plugin.status().last_error is not None)
    status = plugin.status()
    assert (status.ready, status.rejected, status.dropped, status.online) == (1, 0, {}, False)
    assert words in str(status.last_error)
    seen.set()
    ids += play(plugin, 2)
    assert plugin.flush(DEADLINE)
    assert accepted.ids == ids
    assert [request.json["requestId"] for request in server.requests] == [ids[0], *ids]
    assert replace(plugin.status(), destinations={}) == Status(
        started=3, ended=3, delivered=3, online=True, durable=True
    )
    assert QUOTED not in log.text
    assert [words in line for line in log.ours()] == [True], "said once"


def test_retry_after_is_kept_even_by_flush(server: FaultServer, accepted: Accepting, start: Start) -> None:
    """429 with Retry-After 2: not a request before that, and then everything."""
    server.script(answer(429, b"", {"Retry-After": "2"}))
    plugin = start(server)
    ids = play(plugin, 2)
    assert server.wait_for(1)
    begun = time.monotonic()
    assert not plugin.flush(1.0)
    assert len(server.requests) == 1
    assert plugin.flush(DEADLINE)
    assert time.monotonic() - begun > 1.8
    assert accepted.ids == ids
    assert len(server.requests) == 3


def test_what_the_server_rejects_is_kept_and_holds_up_nothing(
    server: FaultServer, accepted: Accepting, start: Start, log: Log
) -> None:
    """A verified error: counted and said, with the server's words; the others arrive."""
    server.script(verified(error={"playerId": "UNKNOWN"}))
    plugin = start(server)
    ids = play(plugin, 3)
    assert plugin.flush(DEADLINE)
    status = plugin.status()
    assert (status.rejected, status.delivered, status.ready) == (1, 2, 0)
    assert accepted.ids == ids[1:]
    assert "UNKNOWN" in log.text


def test_a_bad_certificate_is_one_error(tls_server: FaultServer, start: Start, log: Log) -> None:
    """However often it is tried: nothing is sent, everything is kept, and one error is in the log."""
    plugin = start(tls_server)
    play(plugin, 1)
    for attempts in range(1, 5):
        assert not plugin.flush(0.0)
        eventually(lambda so_far=attempts: tls_server.connections >= so_far)  # type: ignore[misc]
    assert tls_server.requests == []
    assert plugin.status().ready == 1
    why = f"the certificate of 127.0.0.1:{tls_server.port} is not valid (unable to get local issuer certificate)"
    assert log.ours(logging.ERROR) == [f"gs_pygame: {why}; nothing was sent; kept, and tried again later"]
    assert log.ours(logging.WARNING) == []
    assert QUOTED not in log.text


def test_a_server_that_fails_every_other_time(server: FaultServer, accepted: Accepting, start: Start) -> None:
    """Ten ends through a line that breaks in every way: all arrive, in order, none is accepted twice."""
    faults: list[Reply] = [reset_before, answer(503), portal, truncated, answer(502), reset_amid, answer(404)]
    server.script(*(reply for fault in faults for reply in (fault, accepted)))
    plugin = start(server)
    ids = play(plugin, 10)

    def through() -> bool:
        return plugin.flush(0.2)

    eventually(through)
    assert accepted.ids == ids
    assert replace(plugin.status(), destinations={}) == Status(
        started=10, ended=10, delivered=10, online=True, durable=True
    )
