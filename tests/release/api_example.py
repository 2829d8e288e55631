"""Every public name, as a game's author would use it. mypy reads it as strictly as the package; a test runs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ["SDL_VIDEODRIVER"] = "dummy"  # no window: an author writes neither this line nor the next one
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"

import pygame

import gs_pygame
from gs_pygame import (
    DestinationStatus,
    End,
    EndSessionResponse,
    Erasure,
    Session,
    SessionPlugin,
    Settings,
    Status,
    destinations,
    testing,
)


def main(folder: Path) -> None:
    """All of it, in `folder`, against a server on this computer."""
    gs_pygame.freeze_support()
    pygame.display.init()
    pygame.display.set_mode((64, 64))
    with testing.FaultServer() as server:
        drop_in(folder / "drop-in", server.url)
        an_own_loop(folder / "loop", server.url)
        an_own_destination(folder / "destination", server.url)
        others(server.url)
    many_at_a_time(folder / "batches")
    mistakes(folder / "mistakes")
    pygame.quit()
    print(f"gs_pygame {gs_pygame.__version__}: all of its names work")


def drop_in(folder: Path, endpoint: str) -> None:
    """install() with every setting, what a plugin can be told, and GameSparks' own call."""
    answers: list[EndSessionResponse] = []
    level = 3

    def progress() -> dict[str, Any]:
        return {"level": level}

    def delivered(session: Session, response: EndSessionResponse) -> None:
        print(f"session {session.number} of {session.active:.1f} s, {session.reason}: {response.session_duration} ms")

    plugin: SessionPlugin = gs_pygame.install(
        app="Starfall",
        author="Example Studio",
        endpoint=endpoint + "/{api_key}",
        api_key="k",
        secret="s",
        credential="device",
        player_id=None,
        app_version="1.2",
        background_grace=300,
        background_on="minimize",
        script_data=progress,
        consent="pending",
        on_delivered=delivered,
        exit_delivery="next-start",
        data_dir=folder,
        enabled=True,
        hook=True,
        allow_insecure=False,
        duration_unit="ms",
        crash_details=False,
    )
    plugin.set_consent("granted")
    plugin.set_player("ada")
    plugin.end_session(script_data={"ended": "by hand"})
    plugin.start_session()
    session: Session | None = plugin.session
    assert session is not None
    assert (session.state, session.number, session.grace_left) == ("active", 2, None)
    level = 4
    gs_pygame.EndSessionRequest(script_data={"score": 42}).send(callback=answers.append)
    assert plugin.flush(timeout=10)
    assert [(answer.session_duration is not None, answer.script_data) for answer in answers] == [(True, {})]
    status: Status = plugin.status()
    assert (status.started, status.ended, status.delivered, status.durable, status.online) == (2, 2, 2, True, True)
    assert (status.waiting, status.ready, status.rejected, status.dropped) == (0, 0, 0, {})
    assert (status.last_error, status.oldest) == (None, None)
    share: DestinationStatus = status.destinations["gamesparks"]
    assert (share.ready, share.delivered, share.rejected, share.dropped) == (0, 2, 0, 0)
    assert (share.online, share.last_error) == (True, None)
    plugin.close()


def an_own_loop(folder: Path, endpoint: str) -> None:
    """Nothing of pygame's is hooked: the loop says what happens."""
    to: list[destinations.Destination] = [destinations.GameSparks(endpoint, "s"), Logged(endpoint)]
    with gs_pygame.install(data_dir=folder, destination=to, hook=False) as plugin:
        pygame.event.post(pygame.event.Event(pygame.QUIT))
        for event in pygame.event.get():
            plugin.process_event(event)
        plugin.update()
        pygame.display.flip()


class Logged:
    """GameSparks, and a line for each end that it has got. What comes of the first attempts is made up."""

    name = "logged"
    batch_size = 10

    def __init__(self, endpoint: str) -> None:
        self.lines: list[str] = []
        self.outcomes: list[destinations.Outcome] = [
            destinations.Retry("nobody answers", after=20.0),
            destinations.Pause("nobody may come in"),
            destinations.Rejected("never that one"),
        ]
        self._gamesparks = destinations.GameSparks(endpoint, secret="s")

    def deliver(self, ends: Sequence[End]) -> Sequence[destinations.Outcome]:
        return [self._deliver(end) for end in ends]

    def _deliver(self, end: End) -> destinations.Outcome:
        if self.outcomes:
            return self.outcomes.pop(0)
        (outcome,) = self._gamesparks.deliver([end])
        if isinstance(outcome, destinations.Delivered):
            self.lines.append(f"{end.reason} {end.active:.0f} s: {outcome.response.session_duration} ms")
        return outcome

    def erase(self, erasure: Erasure) -> destinations.Outcome:
        assert (erasure.id, erasure.player_ids) == (f"e_{erasure.installation_id}", ())
        assert erasure.requested_at > 0
        self.lines.append("forgotten")
        return destinations.Delivered(EndSessionResponse(None))

    def close(self) -> None:
        self._gamesparks.close()


def an_own_destination(folder: Path, endpoint: str) -> None:
    """A plugin without globals; its time is a test's own."""
    clock = testing.FakeClock()
    logged = Logged(endpoint)
    destination: destinations.Destination = logged
    with SessionPlugin(Settings(data_dir=folder), destination=destination, clock=clock) as plugin:
        for _ in range(2):
            plugin.start_session()
            clock.advance(10)
            plugin.end_session()
        clock.advance(2 * 3600)
        assert (plugin.status().rejected, plugin.status().delivered) == (1, 1)
        plugin.set_consent("denied")
        clock.advance(5)
    assert logged.lines == ["explicit 10 s: 0 ms", "forgotten"]


def others(url: str) -> None:
    """Destinations are plain data until they send; each has a name of its own."""
    marks = {"201": "x-saved: "}
    found: list[destinations.Destination] = [
        destinations.Webhook(url, {"X-Key": "k"}, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", batch=10, delivered=marks),
        destinations.OpenTelemetry(url, headers={"X-Key": "k"}),
        destinations.PostHog("phc_key", host=url, person_profiles=False),
        destinations.GameAnalytics("game key", "secret key", endpoint=url, name="another"),
    ]
    assert [one.name for one in found] == ["webhook", "opentelemetry", "posthog", "another"]
    for one in found:
        one.close()


class Tally:
    """Takes many ends in one request."""

    name = "tally"
    batch_size = 50

    def __init__(self) -> None:
        self.batches: list[int] = []

    def deliver(self, ends: Sequence[End]) -> list[destinations.Outcome]:
        self.batches.append(len(ends))
        return [destinations.Delivered(EndSessionResponse(None)) for _ in ends]

    def close(self) -> None:
        pass


def many_at_a_time(folder: Path) -> None:
    """What has been kept until the player agreed goes in one request."""
    clock = testing.FakeClock()
    tally = Tally()
    destination: destinations.Destination = tally
    with SessionPlugin(Settings(data_dir=folder, consent="pending"), destination, clock) as plugin:
        for _ in range(20):
            plugin.end_session()
            plugin.start_session()
        plugin.set_consent("granted")
        assert plugin.flush(timeout=10)
    assert tally.batches == [20]


def mistakes(folder: Path) -> None:
    """What raises, and when: install() with a wrong setting or a second time, and GameSparks' call without a plugin."""
    caught: list[gs_pygame.GsPygameError] = []
    try:
        gs_pygame.install(data_dir=folder, endpoint="http://sessions.example.com")
    except gs_pygame.PygameNotFoundError:
        sys.exit("pip install pygame")
    except gs_pygame.ConfigurationError as error:
        caught.append(error)
    try:
        gs_pygame.EndSessionRequest().send()
    except gs_pygame.NotInstalledError as error:
        caught.append(error)
    with gs_pygame.install(data_dir=folder, endpoint="https://sessions.example.com", consent="pending"):
        try:
            gs_pygame.install(data_dir=folder, endpoint="https://elsewhere.example.com", consent="pending")
        except gs_pygame.AlreadyInstalledError as error:
            caught.append(error)
    assert len(caught) == 3, caught


if __name__ == "__main__":
    main(Path(sys.argv[1]))
