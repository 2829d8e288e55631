"""How long the exit of a game takes, with and without the plugin, whatever the network does. No test: figures.

    python tests/benchmarks/exit_delay.py [exits]

Five games take turns: one without the plugin, and four whose server is fine, refuses, says nothing, or has a name that
is never resolved. At the exit an earlier session is just being sent (where it can be), and the last one is unsent.
Measured is the time from before `pygame.quit()` until the process has gone. Linux: it looks into /proc.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from gs_pygame.testing import FaultServer, Reply, Request, Wire  # noqa: E402
from gs_pygame.testing.replies import silence, verified  # noqa: E402

EXITS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
PLAY = 0.5  # seconds
SCAN = 0.1  # seconds between two looks which processes there are
IN_TIME = 5.0  # seconds after the exit

GAME = f"""
import sys, time
import pygame
how, endpoint, folder = sys.argv[1:]
pygame.init()
pygame.display.set_mode((64, 64))
if how != "without":
    import gs_pygame
    if how == "dns":
        import socket
        from gs_pygame import _afterwards
        hang = "import socket, time\\nsocket.getaddrinfo = lambda *_, **__: time.sleep(30)\\n"
        exec(hang)
        _afterwards._PROGRAM = hang + _afterwards._PROGRAM
    plugin = gs_pygame.install(app="A", author="B", endpoint=endpoint, secret="secret", data_dir=folder)
    plugin.end_session()
    plugin.start_session()
clock = pygame.time.Clock()
end = time.monotonic() + {PLAY}
while time.monotonic() < end:
    pygame.event.get()
    pygame.display.flip()
    clock.tick(60)
print(time.monotonic())
sys.stdout.flush()
pygame.quit()
sys.exit()
"""


class Watch:
    """When a process with one of our folders as its working directory was last seen."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.last_seen: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(SCAN):
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    where = os.readlink(f"/proc/{pid}/cwd")
                except OSError:
                    continue
                if where.startswith(self._folder):
                    self.last_seen[where] = time.monotonic()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


def exit_once(how: str, endpoint: str, folder: Path) -> tuple[float, float]:
    """Seconds that the exit took, and when it was over."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GS_PYGAME_")}
    silent = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
    game = subprocess.Popen(
        [sys.executable, "-c", GAME, how, endpoint, str(folder)],
        env={**inherited, **silent, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    game.wait()
    gone = time.monotonic()
    return gone - float(game.communicate()[0]), gone


def percentiles(values: list[float]) -> str:
    """p50, p99 and maximum, in milliseconds."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))] if len(ordered) < 100 else ordered[-2]
    return f"p50 {statistics.median(ordered) * 1e3:5.1f}  p99 {p99 * 1e3:5.1f}  max {ordered[-1] * 1e3:5.1f} ms"


def main() -> None:
    arrived: list[tuple[float, str]] = []

    def taken(request: Request, wire: Wire) -> None:
        if request.json["scriptData"]["session"]["reason"] == "quit":
            arrived.append((time.monotonic(), request.path))
        verified()(request, wire)

    took: dict[str, list[float]] = {how: [] for how in ("without", "fine", "refusing", "silent", "dns")}
    ends: dict[str, float] = {}
    default: Reply = taken
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as base,
        FaultServer(default) as fine,
        FaultServer() as refusing,
        FaultServer(silence) as silent,
    ):
        refusing.down()
        endpoints = {
            "without": "",
            "fine": fine.url,
            "refusing": refusing.url,
            "silent": silent.url,
            "dns": "http://localhost:9",
        }
        watch = Watch(base)
        for number in range(EXITS):
            for how, endpoint in endpoints.items():
                folder = Path(base) / f"{how}-{number}"
                place = f"{endpoint}/{folder.name}" if how == "fine" else endpoint
                seconds, ends[str(folder)] = exit_once(how, place, folder)
                took[how].append(seconds)
        while any(where in ends and time.monotonic() - at < 1.0 for where, at in list(watch.last_seen.items())):
            time.sleep(SCAN)
        watch.close()
        for how, values in took.items():
            added = statistics.median(values) - statistics.median(took["without"])
            print(f"{how:9} {percentiles(values)}  p50 added {added * 1e3:5.1f} ms")
        late = {path.split("/")[1]: at - ends[str(Path(base) / path.split("/")[1])] for at, path in arrived}
        in_time = sum(delay <= IN_TIME for delay in late.values())
        print(
            f"last ends at the server within {IN_TIME:.0f} s: {in_time} of {EXITS}; {percentiles(list(late.values()))}"
        )
        lives = {where: at - ends[where] for where, at in watch.last_seen.items()}
        longest = max(lives, key=lambda where: lives[where])
        print(f"{len(lives)} processes seen; the longest lived {lives[longest]:.1f} s ({Path(longest).name})")


main()
