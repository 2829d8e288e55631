"""What the pages of the destinations and of the receivers show is run as it stands there."""

from __future__ import annotations

import importlib.util
import json
import re
import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from network_kit import end
from sinks_kit import PostgREST
from werkzeug.serving import make_server

from gs_pygame import EndSessionResponse
from gs_pygame._base.messages import Erasure
from gs_pygame.destinations import Delivered, Pause, Rejected, Retry, Webhook
from gs_pygame.destinations._telling import known, made
from gs_pygame.testing import FaultServer
from gs_pygame.testing.replies import answer

PAGES = Path(__file__).parents[2] / "assets" / "docs"
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DELIVERED = Delivered(EndSessionResponse(None))


def block(page: str, mark: str) -> str:
    """The code after `<!-- mark -->`."""
    [found] = re.findall(rf"<!-- {mark} -->\n```python\n(.*?)^```$", (PAGES / page).read_text("utf-8"), re.M | re.S)
    return str(found)


def module(name: str, folder: Path, code: str) -> ModuleType:
    """A module of a game's own, which can be imported by its name."""
    path = folder / f"{name}.py"
    path.write_text(code, "utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = imported = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(imported)
    return imported


def _shown(folder: Path) -> Any:
    module("mygame_sessions", folder, block("destinations.md", "destination"))
    return module("mygame_tests", folder, block("destinations.md", "contract")).TestSheet


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# A destination of your own


def _made_to_collect() -> Any:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return _shown(Path(folder))


TestSheet = _made_to_collect()


def test_the_destination_of_your_own_is_thirty_lines() -> None:
    """From its decorator to its end."""
    code = block("destinations.md", "destination").partition("@dataclass")[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 30


def test_the_helper_process_can_be_told_of_it(folder: Path) -> None:
    """By the name of its module, with its key."""
    sheet = module("mygame_sessions", folder, block("destinations.md", "destination")).Sheet(
        "http://127.0.0.1:1", "k3y"
    )
    told = known(sheet).told
    assert told is not None
    assert made(json.loads(json.dumps(told))) == sheet
    assert "k3y" not in repr(sheet)


# Flask


@pytest.fixture
def flask(folder: Path) -> Iterator[str]:
    """The receiver of the page, served; its address."""
    app = module("receiver", folder, block("receivers.md", "receiver")).app
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/sessions"
    server.shutdown()
    thread.join()
    server.server_close()


def rows(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "sessions.db") as kept:
        return kept.execute("SELECT id, installation, message FROM sessions ORDER BY id").fetchall()


def test_the_flask_receiver_keeps_each_end_once(flask: str, folder: Path) -> None:
    """Whatever comes twice."""
    destination = Webhook(flask, secret=WHSEC)
    ends = [end(f"00000000-0000-4000-8000-00000000000{number}") for number in range(3)]
    for _ in range(2):
        assert destination.deliver([ends[0]]) == [DELIVERED]
    assert [destination.deliver([each]) for each in ends] == [[DELIVERED]] * 3
    destination.close()
    kept = rows(folder)
    assert [row[0] for row in kept] == [each.request_id for each in ends]
    assert json.loads(kept[0][2])["data"]["session"]["activeMs"] == 83457


def test_the_flask_receiver_lets_nobody_else_in(flask: str, folder: Path) -> None:
    """With another secret, or none, everything waits."""
    for secret in ("whsec_" + "A" * 32, None):
        destination = Webhook(flask, secret=secret)
        assert isinstance(destination.deliver([end()])[0], Pause)
        destination.close()
    assert rows(folder) == []


def test_the_flask_receiver_forgets_a_player(flask: str, folder: Path) -> None:
    """Who asks for it, and nobody else."""
    destination = Webhook(flask, secret=WHSEC)
    destination.deliver([end()])
    assert destination.erase(Erasure("e_1", "another", (), 1_800_000_000.0)) == DELIVERED
    assert len(rows(folder)) == 1
    assert destination.erase(Erasure("e_2", end().installation_id, ("ada",), 1_800_000_000.0)) == DELIVERED
    assert rows(folder) == []
    destination.close()


# A table


def test_the_table_has_each_session_once(server: FaultServer, folder: Path) -> None:
    """A list with one that is there already, and all of it again."""
    stub = PostgREST()
    server.default = stub
    destination = module("table", folder, block("receivers.md", "table")).table(f"{server.url}/sessions", "s3cret-key")
    ends = [end(f"00000000-0000-4000-8000-00000000000{number}") for number in range(5)]
    assert destination.deliver(ends[2:3]) == [DELIVERED]
    assert destination.deliver(ends) == [DELIVERED] * 5
    assert destination.deliver(ends) == [DELIVERED] * 5
    assert sorted(stub.rows) == [each.session_id for each in ends]
    assert stub.rows[ends[0].session_id]["active_ms"] == 83457
    assert known(destination).told is not None
    assert isinstance(destination.erase(Erasure("e_1", "x", (), 0.0)), Rejected)


def test_the_table_in_one_request(server: FaultServer) -> None:
    """Where the database is asked to pass over what it has."""
    stub = PostgREST()
    server.default = stub
    ignoring = "resolution=ignore-duplicates"
    destination = Webhook(
        server.url,
        {"apikey": "s3cret-key", "Prefer": ignoring},
        batch=100,
        body=lambda end: {"id": end.session_id},
        delivered={"200": ignoring, "201": ignoring},
    )
    ends = [end(f"00000000-0000-4000-8000-00000000000{number}") for number in range(5)]
    for _ in range(2):
        assert destination.deliver(ends) == [DELIVERED] * 5
    assert (len(stub.rows), len(server.requests)) == (5, 2)


def test_the_table_with_a_wrong_key(server: FaultServer, folder: Path) -> None:
    """Everything waits."""
    server.default = PostgREST()
    destination = module("table", folder, block("receivers.md", "table")).table(server.url, "another")
    assert isinstance(destination.deliver([end(), end()])[0], Pause)


# A channel


def test_the_channel_is_told(server: FaultServer, folder: Path) -> None:
    """In words, mentioning nobody; over its limit it waits as long as it is told, and a repeat is there twice."""
    limits = {"X-RateLimit-Limit": "5"}
    server.script(
        answer(429, b'{"message": "You are being rate limited.", "retry_after": 1.5}', {"Retry-After": "2"}),
        answer(204, b"", limits),
        answer(204),
    )
    destination = module("channel", folder, block("receivers.md", "channel")).channel(
        f"{server.url}/api/webhooks/1/t0ken"
    )
    (waits,) = destination.deliver([end()])
    assert isinstance(waits, Retry)
    assert waits.after == 2.0
    assert destination.deliver([end()]) == [DELIVERED]
    assert isinstance(destination.deliver([end()])[0], Retry)
    assert server.requests[0].json == {
        "content": "played for 1 min (background)",
        "allowed_mentions": {"parse": []},
    }
    assert "t0ken" not in repr(destination)
