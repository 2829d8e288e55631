"""Ends a second that each destination's deliver() takes to a receiver that keeps nothing, in a process of its own.

python -m tests.benchmarks.destinations [ENDS [ROUNDS]]     (10,000 and 3, unless told otherwise)

No outbox and no courier: what a destination itself costs, its request and its answer. For the whole way see the row
`flushing`.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable

from gs_pygame import End
from gs_pygame.destinations import (
    Delivered,
    Destination,
    GameAnalytics,
    GameSparks,
    OpenTelemetry,
    PostHog,
    Webhook,
)

from .kit import ROOT
from .serve import REQUEST_ID, Client

WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ABOUT = {"app": "Starfall", "appVersion": "1.2", "sdk": "gs_pygame 0.1.0", "platform": "linux", "python": "3.11.7"}
_MESSAGE_ID = re.compile(rb'"id":"(d_[^"]+)"')

DESTINATIONS: dict[str, Callable[[str], Destination]] = {
    "GameSparks": lambda url: GameSparks(url, "secret"),
    "Webhook, one at a time, signed": lambda url: Webhook(f"{url}/hook", secret=WHSEC),
    "Webhook, 100 at a time, signed": lambda url: Webhook(f"{url}/hook", secret=WHSEC, batch=100),
    "OpenTelemetry, 100 at a time": OpenTelemetry,
    "PostHog, 100 at a time": lambda url: PostHog("phc_key", url),
    "GameAnalytics": lambda url: GameAnalytics("key", "secret", url),
}


class Anybody(Client):
    """Answers as each of them would, and keeps nothing."""

    def _take(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path == b"/hook":
            self._say({"ids": [each.decode() for each in _MESSAGE_ID.findall(body)]})
        elif path == b"/batch/":
            self._say({"status": "Ok"})
        elif path.endswith(b"/init"):
            self._say({"enabled": True, "server_ts": int(time.time())})
        elif found := REQUEST_ID.search(body):
            self._say({"requestId": found[1].decode()})
        else:
            self._say({})


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Anybody({}, False, 0.0), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def ends(count: int) -> list[End]:
    now = time.time()
    return [
        End(
            session_id=str(uuid.uuid4()),
            number=number + 1,
            previous_id=None,
            installation_id="11111111-1111-4111-8111-111111111111",
            player_id="11111111-1111-4111-8111-111111111111",
            started_at=now - 3600,
            active=83.4567,
            wall=90.5,
            reason="quit",
            script_data='{"level":3,"score":4200}',
            about=json.dumps(ABOUT),
            counters='{"started":1,"ended":1,"delivered":0,"rejected":0,"dropped":{}}',
        )
        for number in range(count)
    ]


def rate(destination: Destination, queue: list[End]) -> float:
    """Ends a second; each must have been delivered."""
    destination.deliver(queue[:1])  # imports what has to be imported
    began = time.perf_counter()
    for first in range(0, len(queue), destination.batch_size):
        outcomes = destination.deliver(queue[first : first + destination.batch_size])
        assert all(isinstance(outcome, Delivered) for outcome in outcomes), outcomes
    took = time.perf_counter() - began
    destination.close()
    return len(queue) / took


def main(count: int = 10_000, rounds: int = 3) -> None:
    queue = ends(count)
    command = [sys.executable, "-m", "tests.benchmarks.destinations", "serve"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        try:
            for name, make in DESTINATIONS.items():
                found = sorted(rate(make(url), queue) for _ in range(rounds))
                middle, spread = found[len(found) // 2], f"{found[0]:,.0f} to {found[-1]:,.0f}"
                print(f"{name:32} {middle:10,.0f} ends a second ({spread})", flush=True)
        finally:
            server.kill()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    else:
        main(*map(int, sys.argv[1:]))
