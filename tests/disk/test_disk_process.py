"""The same with a real game, in a process and a time of its own: what it leaves is at a real server in the end."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable

from core_kit import DEADLINE, child, line_of, tell
from disk_kit import Disk, remove

from gs_pygame.testing import FaultServer

GAME = """
    import os, sys, threading, time
    import pygame, gs_pygame
    plugin = gs_pygame.install(app="Game", author="Me", endpoint=sys.argv[2], secret="s", data_dir=sys.argv[1])
    pygame.display.init()
    pygame.display.set_mode((64, 64))
    words = []
    threading.Thread(target=lambda: words.extend(line.strip() for line in sys.stdin), daemon=True).start()
    while True:
        pygame.event.get()
        pygame.display.flip()
        word = words.pop(0) if words else ""
        if word == "end":
            plugin.end_session()
            plugin.start_session()
        if word == "status":
            status = plugin.status()
            print(status.durable, status.ready, status.delivered, flush=True)
        elif word:
            print(word, flush=True)
        if word == "leave":
            break
        time.sleep(0.005)
    pygame.quit()
"""


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def is_durable(game: subprocess.Popen[str]) -> bool:
    tell(game, "status")
    return line_of(game).startswith("True")


def numbers(server: FaultServer) -> list[int]:
    """Of the sessions whose ends came, each once: an exit may cut off a request, which is then repeated."""
    came = {request.json["requestId"]: request.json["scriptData"]["session"] for request in server.requests}
    return sorted(session["number"] for session in came.values())


def test_the_folder_is_removed_and_the_game_killed(disk: Disk) -> None:
    """What ended before it was removed, and after, and the session that was open, are sent by the next start."""
    with FaultServer() as server:
        server.down()
        with child(GAME, disk.folder, server.url) as game:
            for word in ("end", "end"):
                tell(game, word)
                assert line_of(game) == word
            remove(disk.folder)
            eventually((disk.folder / "outbox.sqlite3").exists)
            tell(game, "end")
            assert line_of(game) == "end"
            eventually(lambda: is_durable(game))
            game.send_signal(signal.SIGKILL)
            game.wait(DEADLINE)
        server.up()
        with child(GAME, disk.folder, server.url) as game:
            assert server.wait_for(4)
            tell(game, "leave")
            assert line_of(game) == "leave"
            assert game.wait(DEADLINE) == 0
        assert server.wait_for(5)
        eventually(lambda: numbers(server) == [1, 2, 3, 4, 5])


def test_the_folder_is_removed_under_two_copies(disk: Disk) -> None:
    """Both go on in the new files, with numbers of their own; what each of them ended is sent once."""
    with FaultServer() as server:
        server.down()
        with child(GAME, disk.folder, server.url) as one, child(GAME, disk.folder, server.url) as other:
            for game in (one, other):
                tell(game, "end")
                assert line_of(game) == "end"
            remove(disk.folder)
            for game in (one, other):
                tell(game, "end")
                assert line_of(game) == "end"
            eventually(lambda: len(list(disk.folder.glob("runs/*.run"))) == 2)
            eventually(lambda: is_durable(one) and is_durable(other))
            one.send_signal(signal.SIGKILL)
            one.wait(DEADLINE)
            server.up()
            tell(other, "leave")
            assert line_of(other) == "leave"
            assert other.wait(DEADLINE) == 0
        assert server.wait_for(6)
        eventually(lambda: numbers(server) == [1, 2, 3, 4, 5, 6])
        assert len({request.json["scriptData"]["session"]["installationId"] for request in server.requests}) == 1


def test_the_disk_fills_up_and_the_game_ends(disk: Disk) -> None:
    """Offline on a full disk, then left: the process after it finds the ends, sends them, and has room for receipts."""
    with FaultServer() as server:
        server.down()
        with child(GAME, disk.folder, server.url) as game:
            tell(game, "end")
            assert line_of(game) == "end"
            eventually(lambda: (disk.folder / "outbox.sqlite3-wal").stat().st_size > 256 * 1024)
            disk.fill()
            for _ in range(10):
                tell(game, "end")
                assert line_of(game) == "end"
            eventually(lambda: is_durable(game))
            server.up()
            tell(game, "leave")
            assert line_of(game) == "leave"
            assert game.wait(DEADLINE) == 0
        assert server.wait_for(12)
        eventually(lambda: numbers(server) == list(range(1, 13)))
