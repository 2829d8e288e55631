"""How a game's author would use each of the peers, and ours: to start, to record one thing, and at the end.

Every import of a peer is inside: what is not used in a process costs nothing in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

PROJECT = "http://key@{}/1"


class Without:
    """A game without anything. And what the others have in common."""

    def start(self, url: str, folder: Path) -> None:
        """As early as its documentation says, with the server at `url`; what it keeps lies in `folder`."""

    def record(self, mark: str) -> None:
        """One thing is to be sent, in a frame."""

    def each_frame(self) -> None:
        """What it wants to be called once a frame; ours hooks pygame instead."""

    def leave(self, mark: str) -> None:
        """The game is about to end; this is the last thing to be sent."""
        self.record(mark)


class GsPygame(Without):
    """Here the thing to be sent is the end of a session; the next one begins at once."""

    consent: Literal["granted", "pending"] = "granted"

    def start(self, url: str, folder: Path) -> None:
        import gs_pygame

        self._last: dict[str, str] = {}
        self.plugin = gs_pygame.install(
            endpoint=url, secret="secret", data_dir=folder, script_data=lambda: self._last, consent=self.consent
        )

    def record(self, mark: str) -> None:
        self.plugin.end_session({"mark": mark})
        self.plugin.start_session()

    def leave(self, mark: str) -> None:
        self._last["mark"] = mark  # goes along with the end, which comes by itself


class Backlog(GsPygame):
    """Ours, with ends of earlier runs on disk, which are let go with the first thing that is recorded."""

    consent = "pending"

    def record(self, mark: str) -> None:
        self.plugin.set_consent("granted")


class Thread(Backlog):
    """The same with a destination of the game's own, which is called in a thread of the game: what was decided against
    for ours.
    """

    def start(self, url: str, folder: Path) -> None:
        import gs_pygame

        settings = gs_pygame.Settings(data_dir=folder, consent="pending")
        self.plugin = gs_pygame.SessionPlugin(settings, Own(url))


class Own:
    """A destination that no other process could make for itself."""

    def __init__(self, url: str) -> None:
        from gs_pygame.destinations import GameSparks

        self._inner = GameSparks(url, "secret")
        self.name, self.batch_size = self._inner.name, self._inner.batch_size
        self.deliver, self.close = self._inner.deliver, self._inner.close


class Sentry(Without):
    def start(self, url: str, folder: Path) -> None:
        import sentry_sdk

        sentry_sdk.init(dsn=PROJECT.format(urlsplit(url).netloc))
        self._capture = sentry_sdk.capture_message

    def record(self, mark: str) -> None:
        self._capture(mark)


class PostHog(Without):
    def start(self, url: str, folder: Path) -> None:
        from posthog import Posthog

        self._client = Posthog("phc_key", host=url)

    def record(self, mark: str) -> None:
        self._client.capture("session ended", distinct_id="player", properties={"mark": mark, "level": 3})


class Glean(Without):
    """Sends pings of events; a ping is submitted after BATCH of them, as its own `events` ping is, and at the end."""

    BATCH = 500

    def start(self, url: str, folder: Path) -> None:
        import glean

        folder.mkdir(parents=True, exist_ok=True)
        common = "{bugs: [http://localhost/], data_reviews: [http://localhost/], notification_emails: [a@b.example], "
        (folder / "metrics.yaml").write_text(
            "$schema: moz://mozilla.org/schemas/glean/metrics/2-0-0\nsession:\n  ended: "
            + common
            + "type: event, description: An end., expires: never, send_in_pings: [ends], "
            + "extra_keys: {mark: {description: Which., type: string}}}\n"
        )
        (folder / "pings.yaml").write_text(
            "$schema: moz://mozilla.org/schemas/glean/pings/2-0-0\nends: "
            + common
            + "description: Ends., include_client_id: true}\n"
        )
        self._ping = glean.load_pings(folder / "pings.yaml").ends
        self._session: Any = glean.load_metrics(folder / "metrics.yaml").session
        glean.Glean.initialize(
            "benchmark", "1", True, data_dir=folder / "data", configuration=glean.Configuration(server_endpoint=url)
        )
        self._recorded = 0

    def record(self, mark: str) -> None:
        self._session.ended.record(self._session.EndedExtra(mark=mark))
        self._recorded += 1
        if self._recorded % self.BATCH == 0:
            self._ping.submit()

    def leave(self, mark: str) -> None:
        self.record(mark)
        self._ping.submit()


class GamePulse(Without):
    def start(self, url: str, folder: Path) -> None:
        import gamepulse

        folder.mkdir(parents=True, exist_ok=True)
        gamepulse.init(
            "key", player_id="player", api_url=url, offline_storage=True, offline_storage_path=str(folder / "store")
        )
        self._track = gamepulse.track

    def record(self, mark: str) -> None:
        self._track("session.ended", mark=mark, level=3)


class Bugnet(Without):
    """Has no events: a report is what it can send."""

    def start(self, url: str, folder: Path) -> None:
        import bugnet_sdk
        import pygame

        bugnet_sdk.init("key", url)
        self._sdk = bugnet_sdk
        self._surface = pygame.display.get_surface

    def record(self, mark: str) -> None:
        self._sdk.report_bug(mark, "A session ended.")

    def each_frame(self) -> None:
        self._sdk.update(self._surface())

    def leave(self, mark: str) -> None:
        self.record(mark)
        self._sdk.shutdown()


SUBJECTS: dict[str, type[Without]] = {
    "without": Without,
    "gs_pygame": GsPygame,
    "backlog": Backlog,
    "thread": Thread,
    "Sentry": Sentry,
    "PostHog": PostHog,
    "Glean": Glean,
    "GamePulse": GamePulse,
    "Bugnet": Bugnet,
}

PEERS = ("Sentry", "PostHog", "Glean", "GamePulse", "Bugnet")
