"""What is to be asked of the destinations lies on disk before what it is made of is erased, and stays until it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from core_kit import T0, ready, start

from gs_pygame._base.errors import OutboxBusyError
from gs_pygame._base.messages import Erasure
from gs_pygame._disk import browse, opening
from gs_pygame._disk.erasure import erase
from gs_pygame._disk.erasure_requests import ErasureRequests
from gs_pygame._disk.lock import FileLock
from gs_pygame._disk.outbox import Outbox

ASKED = Erasure("e_1", "1", (), T0)


@pytest.fixture
def sent(tmp_path: Path) -> Iterator[str]:
    """An installation of which something was sent."""
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as outbox:
        ready(outbox, "a")
        outbox.queue("one", ("one",)).note_attempt()
        yield outbox.installation_id


def asked(folder: Path) -> list[tuple[str, tuple[str, ...]]]:
    return [(erasure.installation_id, names) for erasure, names in ErasureRequests(folder, ("one",)).due(T0)]


def test_what_cannot_be_written_down_is_asked_all_the_same(tmp_path: Path, sent: str) -> None:
    """A full disk, or another copy at the file: what the request is made of stays until it lies there."""
    with closing(FileLock(tmp_path / "erasures.lock")), pytest.raises(BlockingIOError):
        erase(tmp_path, ErasureRequests(tmp_path, ("one",)), T0)
    assert asked(tmp_path) == []
    assert erase(tmp_path, ErasureRequests(tmp_path, ("one",)), T0)
    assert asked(tmp_path) == [(sent, ("one",))]
    with closing(sqlite3.connect(tmp_path / "outbox.sqlite3")) as db:
        assert db.execute("SELECT key FROM meta").fetchall() == [("dropped:consent",)]


def test_another_copy_at_the_file_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a moment: what was asked already would be asked twice if it could not be struck off."""
    requests, other = ErasureRequests(tmp_path, ("one",)), FileLock(tmp_path / "erasures.lock")
    monkeypatch.setattr("gs_pygame._disk.erasure_requests.time.sleep", lambda _seconds: other.close())
    requests.add([(ASKED, ("one",))])
    assert asked(tmp_path) == [("1", ("one",))]


def test_what_cannot_be_read_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows lets nobody read a file that is just being replaced."""
    requests = ErasureRequests(tmp_path, ("one",))
    requests.add([(ASKED, ("one",))])

    def refuse(*_args: object, **_more: object) -> str:
        raise PermissionError("another program has it")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_text", refuse)
        with pytest.raises(PermissionError):
            requests.give_up(T0)
        with pytest.raises(PermissionError):
            requests.settle(ASKED, "two")
    assert asked(tmp_path) == [("1", ("one",))]


def test_nothing_is_left_of_a_write_that_was_killed(tmp_path: Path) -> None:
    """It names the player, and nobody would ever look into it."""
    left = tmp_path / "erasures.json.0123456789abcdef0123456789abcdef.new"
    left.write_text("of the player")
    requests = ErasureRequests(tmp_path, ("one",))
    requests.add([(ASKED, ("one",))])
    requests.settle(ASKED, "one")
    assert [path.name for path in tmp_path.iterdir()] == ["erasures.lock"]


def test_who_cannot_look_asks_later(tmp_path: Path, sent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program has the outbox for a moment: that is no outbox of which nothing was sent."""
    for module in (opening, browse):
        monkeypatch.setattr(module, "HELPER_PATIENCE", 0.01)
    with closing(sqlite3.connect(tmp_path / "other.sqlite3", isolation_level=None)) as db:
        db.execute("CREATE TABLE meta (key)")
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OutboxBusyError):
            ErasureRequests(tmp_path, ("one",)).of(tmp_path / "other.sqlite3", T0)


def test_who_was_never_sent_is_not_named(tmp_path: Path, sent: str) -> None:
    """The player of a session that is still open: the request would be the first that anybody hears of them."""
    path = tmp_path / "outbox.sqlite3"
    with closing(Outbox(path)) as outbox:
        start(outbox, "b", player="ada")
    ((erasure, _),) = ErasureRequests(tmp_path, ("one",)).of(path, T0)
    assert (erasure.installation_id, erasure.player_ids) == (sent, ())
