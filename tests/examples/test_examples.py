"""The examples, as processes: they play, end, and the real server has what they say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from server_kit import DEADLINE, ServerProcess, environment

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess("--port", "0", "--database", f"sqlite:///{tmp_path / 'server.sqlite3'}", cwd=tmp_path)
    yield process
    process.stop(lambda child: child.terminate())


def play(*command: str, data_dir: Path, endpoint: str = "http://127.0.0.1:9", wait: bool = True) -> Any:
    """An example with its plugin's files in `data_dir`: its result, or the running process."""
    variables = {
        **environment(),
        "GS_PYGAME_DATA_DIR": str(data_dir),
        "GS_PYGAME_ENDPOINT": endpoint,
        "SDL_VIDEODRIVER": "dummy",
        "SDL_AUDIODRIVER": "dummy",
    }
    arguments = [sys.executable, *command]
    if not wait:
        return subprocess.Popen(arguments, cwd=ROOT, env=variables)
    return subprocess.run(
        arguments, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=DEADLINE, check=False
    )


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def sessions(server: ServerProcess, count: int) -> list[dict[str, Any]]:
    """What the server has, as soon as there are `count` of them."""
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        found[:] = httpx.get(f"{server.address}/sessions").json()
        return len(found) >= count

    until(enough)
    return found


def catches_sigterm(pid: int) -> bool:
    """SDL has been initialised, and makes SIGTERM a QUIT."""
    caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_starfall_headless_sends_its_session(tmp_path: Path) -> None:
    """Three seconds of scripted play against the embedded server: a summary that shows the session, exit code 0."""
    began = time.monotonic()
    result = play("-m", "examples.starfall", "--headless", "3", "--data-dir", str(tmp_path), data_dir=tmp_path)
    took = time.monotonic() - began
    assert result.returncode == 0, result.stderr
    active = re.search(r"^ +1 +explicit +(\d\.\d) s$", result.stdout, re.MULTILINE)
    assert active, result.stdout
    assert 2.5 <= float(active[1]) <= max(3.9, took)  # on a busy machine the third second may be long
    again = play("-m", "examples.starfall", "--headless", "1", "--data-dir", str(tmp_path), data_dir=tmp_path)
    assert again.returncode == 0, again.stderr
    assert re.search(r"^ +2 +explicit", again.stdout, re.MULTILINE), again.stdout


def test_games_at_the_same_time_have_a_server_each(tmp_path: Path) -> None:
    """They want the same port, and none of them has it when they look: each plays against a server of its own."""
    folders = [tmp_path / name for name in "abc"]

    def headless(folder: Path) -> str:
        result = play("-m", "examples.starfall", "--headless", "5", "--data-dir", str(folder), data_dir=folder)
        assert result.returncode == 0, result.stderr
        return re.search(r"^Your sessions: (http://127\.0\.0\.1:\d+)/$", result.stdout, re.MULTILINE)[1]  # type: ignore[index]

    with ThreadPoolExecutor() as games:
        addresses = set(games.map(headless, folders))
    assert len(addresses) == len(folders)


def test_a_port_that_nobody_can_have_is_said(tmp_path: Path) -> None:
    """Headless, where the session's arrival is the point: exit code 1 and the reason."""
    game = ("-m", "examples.starfall", "--headless", "1", "--port", "70000", "--data-dir", str(tmp_path))
    result = play(*game, data_dir=tmp_path)
    assert result.returncode == 1
    assert "port 70000 of 127.0.0.1 cannot be used" in result.stderr


def test_headless_example_is_answered(server: ServerProcess, tmp_path: Path) -> None:
    """The end arrives with its script data, and the callback gets the server's own count."""
    result = play("examples/headless.py", server.address, data_dir=tmp_path)
    assert result.returncode == 0, result.stderr
    [session] = sessions(server, 1)
    assert f"the server counted {session['activeMs']} ms" in result.stdout
    assert session["scriptData"] == {"score": 42, "level": 3}


def test_an_end_from_offline_comes_with_the_next_start(server: ServerProcess, tmp_path: Path) -> None:
    """No server at the first start: kept, exit code 1; the next start delivers both, in order, each once."""
    offline = play("examples/headless.py", "http://127.0.0.1:9", data_dir=tmp_path)
    assert offline.returncode == 1
    assert "kept on disk until the next start" in offline.stdout
    online = play("examples/headless.py", server.address, data_dir=tmp_path)
    assert online.returncode == 0, online.stderr
    assert [session["number"] for session in sessions(server, 2)] == [1, 2]


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="only Linux tells which signals are caught")
@pytest.mark.parametrize("name", ["minimal", "manual_loop"])
def test_a_loop_that_is_asked_to_stop_ends_its_session(server: ServerProcess, tmp_path: Path, name: str) -> None:
    """SIGTERM is QUIT to SDL: the example leaves its loop, and its end comes with the next start."""
    source = (ROOT / "examples" / f"{name}.py").read_text().replace("http://127.0.0.1:8765", server.address)
    script = tmp_path / f"{name}.py"
    script.write_text(source)
    game = play(str(script), data_dir=tmp_path / "data", wait=False)
    until(lambda: catches_sigterm(game.pid))
    game.send_signal(signal.SIGTERM)
    assert game.wait(DEADLINE) == 0
    assert play("examples/headless.py", server.address, data_dir=tmp_path / "data").returncode == 0
    assert [session["reason"] for session in sessions(server, 2)] == ["quit", "explicit"]
