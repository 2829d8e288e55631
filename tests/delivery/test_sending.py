"""The process that sends while the game plays: it answers for the destination, and never stands in an end's way."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from core_kit import DEADLINE, line_of, started, tell

from gs_pygame import EndSessionResponse
from gs_pygame._delivery import process
from gs_pygame._delivery.sender import Sender
from gs_pygame._delivery.sending import hear_outcome, say_outcome
from gs_pygame._messages import End
from gs_pygame.destinations import Delivered, Outcome, Pause, Rejected, Retry
from gs_pygame.testing import FaultServer, replies

END = End("s-1", 1, None, "i", "p", 1.0, 2.0, 3.0, "quit", '{"level": "\\n"}', "{}", '{"started": 1}')


@contextlib.contextmanager
def sender(server: FaultServer, secret: str = "secret") -> Iterator[Sender]:
    made = Sender({"endpoint": server.url, "secret": secret})
    try:
        yield made
    finally:
        made.close()


def pid(sending: Sender) -> int:
    assert sending._process is not None
    return sending._process.pid


def gone(process: int) -> bool:
    """Wait until it is, and nobody's zombie."""
    give_up = time.monotonic() + DEADLINE
    while Path(f"/proc/{process}").exists() and time.monotonic() < give_up:
        time.sleep(0.01)
    return not Path(f"/proc/{process}").exists()


linux = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes in /proc")


@pytest.mark.parametrize(
    "outcome",
    [
        Delivered(EndSessionResponse(12, {"a": ["\n", "ü", None]})),
        Delivered(EndSessionResponse(None, {})),
        Rejected("the server's\nwords"),
        Pause("why"),
        Retry("why", 1.5, server_error=True, severe=True),
        Retry("why"),
    ],
)
def test_each_outcome_comes_back_as_it_was(tmp_path: Path, outcome: Outcome) -> None:
    """Through the pipe, after whatever a frozen game says when it starts."""
    (tmp_path / "pipe").write_bytes(b"Hello from the pygame community.\n" + say_outcome(outcome))
    with (tmp_path / "pipe").open("rb") as pipe:
        assert hear_outcome(pipe) == outcome
        assert hear_outcome(pipe) is None


def test_one_process_sends_them_all_and_imports_for_the_game(server: FaultServer) -> None:
    """It stays for the next end; what it was told arrives as from the thread; requests is not the game's to import."""
    program = """
import sys
from gs_pygame._messages import End
from gs_pygame._delivery.sender import Sender
sender = Sender({"endpoint": sys.argv[1], "secret": "secret"})
seen = set()
for number in range(3):
    print(sender.deliver(End(f"s-{number}", 1, None, "i", "p", 1.0, 2.0, 3.0, "quit", "{}", "{}")))
    seen.add(sender._process.pid)
print(len(seen), "requests" in sys.modules, flush=True)
"""
    with started([sys.executable, "-c", program, server.url]) as game:
        said = game.communicate(timeout=DEADLINE)[0].splitlines()
    assert [line.partition("(")[0] for line in said[:3]] == ["Delivered"] * 3
    assert said[3] == "1 False"
    assert [request.json["requestId"] for request in server.requests] == ["d_s-0", "d_s-1", "d_s-2"]


@linux
def test_one_that_was_ended_is_replaced(server: FaultServer) -> None:
    """Killed between two ends, as by a player who tidies up: the next end is delivered by another."""
    with sender(server) as sending:
        assert isinstance(sending.deliver(END), Delivered)
        first = pid(sending)
        os.kill(first, signal.SIGKILL)
        assert isinstance(sending.deliver(replace(END, session_id="s-2")), Delivered)
        assert pid(sending) != first
    assert [request.json["requestId"] for request in server.requests] == ["d_s-1", "d_s-2"]


@linux
def test_one_that_dies_of_an_end_does_not_hold_up_the_others(server: FaultServer) -> None:
    """Killed twice in the middle of a request: it counts as a server's error, so that others may pass."""
    with sender(server) as sending:
        assert isinstance(sending.deliver(END), Delivered)

        def kill(request: Any, wire: Any) -> None:
            os.kill(pid(sending), signal.SIGKILL)

        server.script(kill, kill)
        assert sending.deliver(END) == Retry("the process that sends has gone", server_error=True)
        assert isinstance(sending.deliver(END), Delivered)
    assert len({request.body for request in server.requests}) == 1


@pytest.mark.parametrize("how", ["no interpreter", "one that ends at once", "an audit hook", "too long a secret"])
def test_where_no_process_can_be_the_thread_sends(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A frozen game without freeze_support(), an antivirus program: ends are delivered all the same."""
    secret = "x" * 5000 if how == "too long a secret" else "secret"
    if how == "no interpreter":
        monkeypatch.setattr(sys, "executable", "")
    elif how == "one that ends at once":
        monkeypatch.setattr(process, "_PROGRAM", "")
    elif how == "an audit hook":

        def refuse(*_: Any) -> Any:
            raise ZeroDivisionError

        monkeypatch.setattr(subprocess, "Popen", refuse)
    with sender(server, secret) as sending:
        for _ in range(2):
            assert isinstance(sending.deliver(END), Delivered)
        assert sending._process is None
    assert len(server.requests) == 2


@linux
@pytest.mark.parametrize("how", ["closed", "killed"])
def test_it_goes_with_the_game(how: str) -> None:
    """Even in the middle of a request; and a game that lives on has no zombie."""
    program = """
import sys, threading
from gs_pygame._messages import End
from gs_pygame._delivery.sender import Sender
sender = Sender({"endpoint": sys.argv[1], "secret": "secret"})
end = End("s-1", 1, None, "i", "p", 1.0, 2.0, 3.0, "quit", "{}", "{}")
threading.Thread(target=sender.deliver, args=(end,), daemon=True).start()
sys.stdin.readline()
print(sender._process.pid, flush=True)
sys.stdin.readline()
sender.close()
print("closed", flush=True)
sys.stdin.readline()
"""
    with FaultServer(replies.silence) as server, started([sys.executable, "-c", program, server.url]) as game:
        assert server.wait_for(1)
        tell(game)
        process = int(line_of(game))
        assert Path(f"/proc/{process}").exists()
        if how == "killed":
            game.kill()
        else:
            tell(game)
        assert gone(process)


@linux
def test_it_goes_when_nobody_has_anything_to_say(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its game may have died while another process has its pipe; the next end is another one's."""
    monkeypatch.setattr(process, "_PROGRAM", process._PROGRAM.replace("become(", "from gs_pygame._delivery import sending\n"
                        "sending.ALONE = 2.0\nbecome("))  # fmt: skip
    with sender(server) as sending:
        assert isinstance(sending.deliver(END), Delivered)
        assert sending._process is not None
        assert sending._process.wait(DEADLINE) == 0
        assert isinstance(sending.deliver(END), Delivered)


def test_a_destination_of_the_game_s_stays_in_the_game(tmp_path: Path) -> None:
    """It may be anything, and need not be fit for another process."""
    program = f"""
import os, sys
import gs_pygame
from gs_pygame import SessionPlugin
from gs_pygame._settings import Settings
from gs_pygame.destinations import Delivered

class Mine:
    def deliver(self, end):
        print(os.getpid() == game, flush=True)
        return Delivered(gs_pygame.EndSessionResponse(None))
    def close(self):
        pass

game = os.getpid()
plugin = SessionPlugin(Settings(data_dir={str(tmp_path)!r}, hook=False), Mine(), focused=lambda: True)
plugin.end_session()
plugin.flush(10)
"""
    with started([sys.executable, "-c", program], SDL_VIDEODRIVER="dummy") as game:
        assert game.communicate(timeout=DEADLINE)[0].splitlines()[-1] == "True"
