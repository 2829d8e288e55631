"""`gs-pygame flush`: what it delivers, what it leaves, and that a game beside it never notices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from cli_kit import DELIVERING, PLAYING, Command, busy, everything, fill, fill_with_all
from core_kit import begin, choose, environment, ids

from gs_pygame._base.messages import Consent
from gs_pygame._disk import consent
from gs_pygame._disk.outbox import Outbox
from gs_pygame.testing import FaultServer, Request, Wire, replies

SECRET = "hush-hush"


def sent(server: FaultServer) -> list[str]:
    return [request.json["requestId"] for request in server.requests]


def left(path: Path) -> list[str]:
    with closing(Outbox(path)) as outbox:
        return ids(outbox)


def test_all_is_delivered(command: Command, path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """First in first out, with the secret of the environment, as the game would."""
    fill(path, "a", "b", "c")
    monkeypatch.setenv("GS_PYGAME_SECRET", SECRET)
    done = command.on("flush", "--endpoint", server.url)
    assert (done.code, done.out, done.err) == (0, "3 ends delivered; nothing is left.\n", "")
    assert sent(server) == ["d_a", "d_b", "d_c"]
    assert {request.path for request in server.requests} == {f"/rs/device/{SECRET}/EndSessionRequest"}
    assert left(path) == []


def test_as_json(command: Command, path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was refused for good is counted, and kept."""
    fill(path, "a", "b")
    server.script(replies.verified(error={"DETAILS": "no"}))
    monkeypatch.setenv("GS_PYGAME_ENDPOINT", server.url)
    done = command.on("flush", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json == {"folder": str(path.parent), "delivered": 1, "rejected": 1, "left": 0, "last_error": None}


def test_no_server(command: Command, path: Path, server: FaultServer) -> None:
    """Everything stays, with the reason; it does not take longer than it may."""
    fill(path, "a", "b")
    server.down()
    done = command.on("flush", "--endpoint", server.url, "--timeout", "0.3")
    assert done.code == 1
    assert done.out == f"0 ends delivered, 2 left: no connection to 127.0.0.1:{server.port}: refused.\n"
    assert left(path) == ["a", "b"]


def test_a_silent_server(command: Command, path: Path, server: FaultServer) -> None:
    """A request that is under way does not hold it up: it is left behind, and the end stays."""
    fill(path, "a")
    server.default = replies.silence
    began = time.monotonic()
    done = command.on("flush", "--endpoint", server.url, "--timeout", "1", "--json")
    assert time.monotonic() - began < 10  # of the 15 that the request itself may take
    assert (done.code, done.json["left"]) == (1, 1)
    assert left(path) == ["a"]


def test_a_wrong_secret(command: Command, path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives up at once, and says why without saying the secret."""
    fill(path, "a")
    server.default = replies.answer(403, b"{}")
    monkeypatch.setenv("GS_PYGAME_SECRET", SECRET)
    done = command.on("flush", "--endpoint", server.url)
    assert (done.code, len(server.requests)) == (1, 1)
    assert "check secret" in done.out
    assert SECRET not in done.out + done.err
    assert left(path) == ["a"]


def test_a_secret_that_is_typed(
    command: Command, path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for, and not shown."""
    fill(path, "a")
    monkeypatch.setattr("typer.prompt", lambda text, hide_input, err: SECRET if hide_input and err else None)
    done = command.on("flush", "--endpoint", server.url, "--ask-secret")
    assert done.code == 0
    assert server.requests[0].path == f"/rs/device/{SECRET}/EndSessionRequest"
    assert SECRET not in done.out + done.err


@pytest.mark.parametrize("choice", ["denied", "pending"])
def test_the_players_choice(command: Command, path: Path, server: FaultServer, choice: Consent) -> None:
    """Nothing is sent that they did not allow."""
    fill(path, "a")
    choose(path.parent, choice)
    done = command.on("flush", "--endpoint", server.url)
    assert (done.code, done.err) == (1, f"gs-pygame flush: the player's consent is {choice}: nothing is sent\n")
    assert server.requests == []


def test_the_player_says_no_meanwhile(command: Command, path: Path, server: FaultServer) -> None:
    """In the game, while this delivers: the request that is under way is the last, and what it left is said."""
    fill(path, "a", "b", "c")

    def says_pending(request: Request, wire: Wire) -> None:
        choose(path.parent, "pending")
        replies.verified()(request, wire)

    server.script(says_pending)
    done = command.on("flush", "--endpoint", server.url)
    assert (done.code, sent(server), left(path)) == (1, ["d_a"], ["b", "c"])
    assert "2 left" in done.out


def test_a_choice_that_is_awaited(command: Command, path: Path, server: FaultServer) -> None:
    """A game keeps ends and has not asked yet: only the game, or the player's yes, lets them go."""
    fill(path, "a")
    for allow in (lambda: begin(path.parent, "granted"), lambda: choose(path.parent, "granted")):
        begin(path.parent, "pending")
        done = command.on("flush", "--endpoint", server.url)
        assert done.err == "gs-pygame flush: the game still waits for the player's consent: nothing is sent\n"
        assert (done.code, server.requests) == (1, [])
        allow()
        assert not consent.is_awaited(path.parent)
    assert command.on("flush", "--endpoint", server.url).code == 0
    assert sent(server) == ["d_a"]


@pytest.mark.parametrize("switch", ["GS_PYGAME_DISABLED", "DO_NOT_TRACK"])
def test_switched_off(
    command: Command, path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    """Where the plugin does nothing, neither does this."""
    fill(path, "a")
    monkeypatch.setenv(switch, "1")
    assert command.on("flush", "--endpoint", server.url).code == 1
    assert server.requests == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "endpoint is not set"),
        (["--endpoint", "http://example.com"], 2, "not encrypted"),
        (["--endpoint", "http://127.0.0.1:9", "--timeout", "-1"], 2, "--timeout"),
        (["--secret", SECRET], 2, "--secret"),
    ],
)
def test_a_wrong_call(command: Command, path: Path, words: list[str], code: int, said: str) -> None:
    """What is wrong is said before anything is sent; there is no option for a secret."""
    fill(path, "a")
    done = command.on("flush", *words)
    assert done.code == code
    assert said in done.err


def test_nothing_there(command: Command, path: Path) -> None:
    """No outbox is made where there was none."""
    done = command.on("flush", "--endpoint", "http://127.0.0.1:9")
    assert done.code == 1
    assert not path.parent.exists()


def test_beside_a_game(command: Command, path: Path, server: FaultServer) -> None:
    """Its open session, and an end that may still be withdrawn, stay its own; what a dead one left is delivered."""
    with busy(PLAYING, path.parent):
        pass  # killed
    fill(path, "a")
    with busy(PLAYING.replace("feed", "beef"), path.parent):
        done = command.on("flush", "--endpoint", server.url, "--json")
        assert (done.code, done.json["delivered"]) == (0, 2)
        assert command.on("status", "--json").json["started"] - command.on("status", "--json").json["ended"] == 1
    assert sorted(sent(server)) == ["d_00000000-0000-4000-8000-00000000feed", "d_a"]


def test_waiting_ends_are_not_touched(command: Command, path: Path, server: FaultServer) -> None:
    """Only what is ready goes."""
    with busy(PLAYING, path.parent):
        with closing(Outbox(path)) as outbox:
            outbox.save("00000000-0000-4000-8000-00000000feed", "background", 1.0, 1.0, "{}")
        assert command.on("flush", "--endpoint", server.url).code == 0
        assert server.requests == []
        assert command.on("status", "--json").json["waiting"] == 1


def test_while_another_delivers(command: Command, path: Path, server: FaultServer) -> None:
    """One at a time: it waits for its turn, and says so when that does not come."""
    fill(path, "a")
    with busy(DELIVERING, path.parent):
        done = command.on("flush", "--endpoint", server.url, "--timeout", "0.5")
        assert (done.code, server.requests) == (1, [])
        assert "another process delivers" in done.out
    assert command.on("flush", "--endpoint", server.url).code == 0


def test_two_at_once(path: Path, server: FaultServer) -> None:
    """Two real processes and sixty ends: each is sent once."""
    fill(path, *(f"s{number}" for number in range(60)))
    command = [sys.executable, "-m", "gs_pygame", "flush", "--json", "--data-dir", str(path.parent)]
    with ExitStack() as both:
        processes = [
            both.enter_context(
                subprocess.Popen(
                    command, env=environment(GS_PYGAME_ENDPOINT=server.url), stdout=subprocess.PIPE, text=True
                )
            )
            for _ in range(2)
        ]
        results = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert Counter(sent(server)) == Counter(f"d_s{number}" for number in range(60))
    assert sum(result["delivered"] for result in results) == 60


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is Unix's")
def test_a_bar_where_somebody_looks(path: Path, server: FaultServer) -> None:
    """In a terminal the bar is drawn on standard error; the sentence at the end is on standard output alone."""
    import pty

    fill(path, "a", "b", "c")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "gs_pygame", "flush", "--data-dir", str(path.parent), "--endpoint", server.url]
    with subprocess.Popen(
        command, env=environment(TERM="xterm"), stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as process:
        os.close(theirs)
        drawn = b""
        while True:
            try:
                drawn += (read := os.read(ours, 65536))
            except OSError:  # how Linux tells of the other side's end
                break
            if not read:
                break
        assert process.stdout is not None
        assert process.stdout.read() == "3 ends delivered; nothing is left.\n"
    os.close(ours)
    assert process.returncode == 0
    assert b"Delivering" in drawn
    assert b"0/3" in drawn


def test_a_damaged_outbox(command: Command, path: Path, server: FaultServer) -> None:
    """It is left to the game, which can save what can be read."""
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    before = everything(path.parent)
    done = command.on("flush", "--endpoint", server.url)
    assert (done.code, done.err) == (1, "gs-pygame flush: file is not a database\n")
    assert everything(path.parent) == before


def test_receipts_are_left_for_the_game(command: Command, path: Path, server: FaultServer) -> None:
    """on_delivered is called at its next start, with what the server said."""
    fill_with_all(path)
    server.default = replies.verified(sessionDuration=2)
    assert command.on("flush", "--endpoint", server.url, "--duration-unit", "s").code == 0
    with closing(Outbox(path)) as outbox:
        told = {receipt.end.session_id: receipt.response.session_duration for receipt in outbox.untold()}
    assert told["a"] == 2000
