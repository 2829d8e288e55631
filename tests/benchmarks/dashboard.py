"""The pages for people over many sessions: fills a store, adds it up, and says how long each view takes.

python -m tests.benchmarks.dashboard [SESSIONS [DATABASE]]     (1,000,000 in a new SQLite file, unless told otherwise)
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import httpx
from server_kit import listening

from gs_pygame.server import Store, create_app, open_store
from gs_pygame.server._json import encode
from gs_pygame.server._rollups import BATCH, roll_up
from gs_pygame.server._tables import clock, sessions
from gs_pygame.server._times import format_micros, format_millis

DAYS = 180
PER_PLAYER = 10  # sessions, on average
_CHUNK = 10_000  # rows of an insert
_SECOND = 1_000_000  # microseconds
_DAY = 24 * 3600 * _SECOND
_REASONS = ["background"] * 50 + ["quit"] * 40 + ["explicit"] * 3 + ["suspend"] * 2 + ["crash"] * 2 + ["abnormal"] * 3


def fill(store: Store, count: int, seed: int = 1) -> None:
    """Sessions as a game has them that grows: of `DAYS` up to now, of players who come back less and less."""
    batch: list[dict[str, Any]] = []
    received_at = 0
    for row in sorted(_made(random.Random(seed), count, store.now()), key=lambda row: row["received_at"]):
        received_at = row["received_at"] = max(received_at + 1, row["received_at"])
        batch.append(row)
        if len(batch) == _CHUNK:
            _insert(store, batch)
            batch = []
    _insert(store, batch)


def add_up(store: Store) -> None:
    while roll_up(store) == BATCH:
        pass


def views(address: str) -> dict[str, str]:
    """The pages that people look at."""
    some_player = httpx.get(f"{address}/sessions?limit=1", trust_env=False).json()[0]["playerId"]
    middle = format_micros(time.time_ns() // 1000 - 60 * _DAY)
    first = date.today() - timedelta(DAYS)
    return {
        "30 days": "/",
        "7 days": "/?days=7",
        "90 days": "/?days=90",
        "all days": f"/?from={first}",
        "a game and a version": "/?game=Starfall&version=1.5&days=90",
        "a platform": "/?platform=Linux",
        "a version that nobody has": "/?version=9.9&days=90",
        "an older page": f"/?days=90&before={middle}",
        "a player": f"/player?id={some_player}&days=90",
    }


def time_of(address: str, path: str) -> float:
    """Milliseconds until it is here, the best of three: other programs use this machine, too."""
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        took = []
        for _ in range(3):
            began = time.perf_counter()
            client.get(path).raise_for_status()
            took.append((time.perf_counter() - began) * 1000)
    return min(took)


def main(count: int, database: str) -> None:
    with closing(open_store(database)) as store:
        began = time.perf_counter()
        fill(store, count)
        print(f"filled with {count:,} sessions: {time.perf_counter() - began:.0f} s")
        began = time.perf_counter()
        add_up(store)
        took = time.perf_counter() - began
        print(f"added up: {took:.0f} s, {took / count * BATCH * 1000:.0f} ms a commit of {BATCH}")
        with listening(create_app(store)) as address:
            for name, path in views(address).items():
                print(f"{name:<28} {time_of(address, path):6.0f} ms")


def _made(rng: random.Random, count: int, now: int) -> Iterator[dict[str, Any]]:
    today = now // _DAY
    made = player = 0
    while made < count:
        player += 1
        number = 0
        day = today - round(DAYS * (1 - rng.random() ** 0.7))
        platform = rng.choice(["Windows"] * 7 + ["Linux"] * 2 + ["macOS"])
        while day <= today and made < count:
            for _ in range(1 + min(5, int(rng.expovariate(0.9)))):
                number += 1
                made += 1
                yield _session(rng, player, number, day, platform, now)
                if made == count:
                    return
            if rng.random() < 1.8 / PER_PLAYER:
                break
            day += 1 + int(rng.expovariate(0.25))


def _session(rng: random.Random, player: int, number: int, day: int, platform: str, now: int) -> dict[str, Any]:
    ended = min(day * _DAY + rng.randrange(_DAY), now)
    active_ms = min(int(rng.lognormvariate(13.3, 1.2)), 8 * 3_600_000)
    late = 305 if rng.random() < 0.5 else rng.expovariate(0.5) if rng.random() < 0.9 else rng.expovariate(1e-5)
    id, version = f"s-{player}-{number}", f"1.{max(0, min(5, (day - now // _DAY + DAYS) // 30 - rng.randrange(2)))}"
    measured = {
        "id": id,
        "number": number,
        "installation_id": f"i-{player}",
        "started_at": format_millis(ended - active_ms * 1000),
        "ended_at": format_millis(ended),
        "active_ms": active_ms,
        "wall_ms": active_ms,
        "reason": rng.choice(_REASONS),
        "app": "Starfall",
        "app_version": version,
        "platform": platform,
    }
    return {
        **measured,
        "owner": f"player p-{player}",
        "request_id": id,
        "received_at": min(ended + int(late * _SECOND), now),
        "player_id": f"p-{player}",
        "script_data": encode({"level": number % 12, "session": measured}),
        "answer": encode({"@class": ".EndSessionResponse", "requestId": id, "sessionDuration": active_ms}),
    }


def _insert(store: Store, rows: list[dict[str, Any]]) -> None:
    if rows:
        with store.transaction() as connection:
            store.take_turn(connection)
            connection.execute(sessions.insert(), rows)
            connection.execute(clock.update().values(received_at=rows[-1]["received_at"]))


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        main(count, sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/sessions.sqlite3")
