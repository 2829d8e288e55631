"""From a game to its destinations: by the helper process, which outlives it; and what a game pays that has none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from core_kit import environment
from network_kit import DEADLINE, eventually
from sinks_kit import Collector, PostHogStub, Receiver
from standardwebhooks import Webhook as Verifier

from gs_pygame.testing import FaultServer, Request, Wire

WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

GAME = """
import sys
import pygame
import gs_pygame
from gs_pygame.destinations import GameAnalytics, PostHog, Webhook

folder, hook, posthog, gameanalytics = sys.argv[1:]
gs_pygame.install(
    data_dir=folder,
    destination=[
        Webhook(f"{hook}/hook", secret="WHSEC", batch=10),
        PostHog("phc_key", host=posthog),
        GameAnalytics("a-game-key", "a-secret-key", endpoint=gameanalytics),
    ],
    script_data={"level": 3},
)
pygame.display.init()
pygame.display.set_mode((64, 64))
pygame.event.get()
"""


def run(code: str, *arguments: str, folder: Path) -> str:
    path = folder / "game.py"
    path.write_text(code, "utf-8")
    done = subprocess.run(
        [sys.executable, str(path), *arguments],
        env=environment(SDL_AUDIODRIVER="dummy"),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_game_that_has_gone_is_delivered_for(tmp_path: Path) -> None:
    """It plays, ends and is gone; the process that outlives it was told of three destinations, and each has the end."""
    receiver, posthog, collector = Receiver(), PostHogStub(), Collector()
    with FaultServer(receiver) as hook, FaultServer(posthog) as ph, FaultServer(collector) as ga:
        run(GAME.replace("WHSEC", WHSEC), str(tmp_path / "data"), hook.url, ph.url, ga.url, folder=tmp_path)
        eventually(lambda: bool(receiver.kept and posthog.events and len(collector.events) == 2))
    (message,) = receiver.kept.values()
    (event,) = posthog.events.values()
    session = message["data"]["session"]
    assert (session["number"], session["reason"]) == (1, "quit")
    assert message["data"]["scriptData"] == {"level": 3}
    assert event["uuid"] == collector.events[0]["session_id"] == session["id"]
    (request,) = hook.requests
    assert Verifier(WHSEC).verify(request.body, request.headers) == [message]


def test_one_that_answers_like_a_portal_has_nothing_yet(tmp_path: Path) -> None:
    """It is asked, the others have the end, and the next start delivers to it."""
    receiver, posthog, collector = Receiver(), PostHogStub(), Collector()

    def portal(request: Request, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")

    arguments = str(tmp_path / "data")
    with FaultServer(portal) as hook, FaultServer(posthog) as ph, FaultServer(collector) as ga:
        run(GAME.replace("WHSEC", WHSEC), arguments, hook.url, ph.url, ga.url, folder=tmp_path)
        eventually(lambda: bool(hook.requests and posthog.events and len(collector.events) == 2))
        hook.default = receiver
        run(GAME.replace("WHSEC", WHSEC), arguments, hook.url, ph.url, ga.url, folder=tmp_path)
        eventually(lambda: len(receiver.kept) == 2 and len(posthog.events) == 2 and len(collector.events) == 4)
    assert [message["data"]["session"]["number"] for message in receiver.kept.values()] == [1, 2]


@pytest.mark.parametrize("name", ["Webhook", "OpenTelemetry", "PostHog", "GameAnalytics"])
def test_what_a_game_pays_for_a_destination(name: str, tmp_path: Path) -> None:
    """`import gs_pygame` imports none of them; naming one imports what sends only when something is sent."""
    found = run(
        "import sys, gs_pygame\n"
        "before = {*sys.modules}\n"
        f"from gs_pygame.destinations import {name}\n"
        "print(sorted(name for name in before if name.startswith('gs_pygame.destinations.')))\n"
        "print([name for name in sys.modules if name in ('requests', 'urllib3', 'ssl', 'hmac', 'opentelemetry')])\n",
        folder=tmp_path,
    )
    first, second = found.splitlines()[-2:]
    assert f"gs_pygame.destinations.{name.lower()}'" not in first
    assert "gs_pygame.destinations._http" not in first
    assert second == "[]"
