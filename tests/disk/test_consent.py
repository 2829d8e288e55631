"""The player's choice: one word in a file, which all copies of the game ask, in whatever state it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from core_kit import NOBODY, begin, choose
from disk_kit import new_player, played

from gs_pygame._base.messages import Consent
from gs_pygame._disk import consent
from gs_pygame._disk.consent import Choice

SPOILED: dict[str, bytes] = {
    "empty": b"",
    "cut off": b"denie",
    "binary": b"\xff\x00\xfe" * 9,
    "more than a word": b"granted" + b" " * 80 + b"x",
    "another word": b"Granted",
}


# What is read


@pytest.mark.parametrize("setting", consent.CONSENTS)
def test_without_a_file_the_setting_holds(tmp_path: Path, setting: Consent) -> None:
    """Nobody has asked yet."""
    assert Choice(tmp_path, setting).now() == setting
    assert Choice(tmp_path / "none", setting).now() == setting
    assert Choice(tmp_path / ("a" * 300), setting).now() == setting  # nor can there be one


@pytest.mark.parametrize("choice", consent.CONSENTS)
@pytest.mark.parametrize("setting", consent.CONSENTS)
def test_the_file_wins(tmp_path: Path, setting: Consent, choice: Consent) -> None:
    """Whatever the game's setting is; and a line's end, which an editor adds, is no part of the word."""
    (tmp_path / "consent").write_text(f"{choice}\n")
    assert Choice(tmp_path, setting).now() == consent.load(tmp_path) == choice


@pytest.mark.parametrize("spoiled", SPOILED)
def test_what_is_no_word_is_no_consent(tmp_path: Path, spoiled: str) -> None:
    """A power cut, or anybody, has left it so: what is played is kept and not sent, `status()` says why, and a new
    choice mends it."""
    tmp_path.joinpath("consent").write_bytes(SPOILED[spoiled])
    player = new_player()
    with played(tmp_path, player) as plugin:
        player.clock.advance(5)
        plugin.end_session()
        player.clock.advance(60)
        assert player.destination.attempts == []
        assert plugin.status().ready == 1
        assert "cannot be read" in (plugin.status().last_error or "")
        plugin.set_consent("granted")
        player.clock.advance(1)
        assert len(player.ends) == 1
        assert plugin.status().last_error is None


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link(path: Path) -> None:
    path.with_name("theirs").write_text("granted")
    path.symlink_to("theirs")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX's kinds of files")
@pytest.mark.parametrize("spoil", [a_folder, a_link, a_pipe])
def test_what_is_no_file_is_no_consent(tmp_path: Path, spoil: Any) -> None:
    """Nor is what cannot be opened; and nobody waits for it."""
    spoil(tmp_path / "consent")
    assert Choice(tmp_path, "granted").now() == "pending"
    assert consent.from_outside(tmp_path).may_send() is False


def test_what_may_not_be_read_is_no_consent(home: Path) -> None:
    """A file of another user's, to an ordinary one."""
    (home / "consent").write_text("granted")
    (home / "consent").chmod(0)
    choice = Choice(home, "granted")
    os.seteuid(NOBODY)
    try:
        now = choice.now()
    finally:
        os.seteuid(0)
    assert now == "pending"


def test_it_is_spoiled_in_play(tmp_path: Path) -> None:
    """From the next request on nothing is sent; a game that was denied begins to keep, which is what `pending` is."""
    player = new_player()
    with played(tmp_path, player) as plugin:
        plugin.set_consent("granted")
        (tmp_path / "consent").write_bytes(b"")
        plugin.end_session()
        player.clock.advance(60)
        assert player.destination.attempts == []
        assert plugin.status().ready == 1


def test_seen_from_outside(tmp_path: Path) -> None:
    """A helper or a command, which does not know the setting, finds the game's note of it."""
    begin(tmp_path, "pending")
    assert consent.from_outside(tmp_path).now() == "pending"
    choose(tmp_path, "granted")
    assert consent.from_outside(tmp_path).now() == "granted"
    (tmp_path / "consent").unlink()
    assert consent.from_outside(tmp_path).now() == "pending"
    begin(tmp_path, "granted")
    assert consent.from_outside(tmp_path).now() == "granted"


# What is written


def test_it_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The word is flushed before it gets its name, and the name after it."""
    done: list[str] = []

    @contextmanager
    def noted(where: object, name: str) -> Iterator[None]:
        real = getattr(where, name)
        with monkeypatch.context() as patch:
            patch.setattr(where, name, lambda *args: (done.append(name), real(*args))[1])
            yield

    with noted(os, "write"), noted(consent, "flush"), noted(os, "replace"), noted(os, "fsync"):
        choose(tmp_path, "denied")
    *written, last = done if sys.platform != "win32" else [*done, "fsync"]
    assert [name for name in written if name != "fsync"] == ["write", "flush", "replace"]
    assert last == "fsync"


def test_the_same_choice_again_writes_nothing(tmp_path: Path) -> None:
    """A game may say it at every start."""
    choose(tmp_path, "granted")
    before = (tmp_path / "consent").stat()
    choose(tmp_path, "granted")
    after = (tmp_path / "consent").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.fixture
def unwritable(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No choice can be written, until this is undone."""

    def fails(*_: object) -> None:
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(consent, "_write", fails)
        yield patch


def test_a_no_that_cannot_be_written_holds(
    tmp_path: Path, unwritable: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """For this run, as the log (once) and `status()` say; it is written as soon as it can be."""
    player = new_player()
    player.destination.offline = True
    with played(tmp_path, player, script_data={"x": "MARKER"}) as plugin:
        plugin.end_session()
        plugin.set_consent("denied")
        player.clock.advance(10)
        assert plugin.session is None
        assert b"MARKER" not in b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
        assert "could not be kept for the next start: no room" in (plugin.status().last_error or "")
        assert caplog.text.count("could not be kept") == 1
        assert consent.load(tmp_path) is None
        unwritable.undo()
        player.clock.advance(1)
        assert consent.load(tmp_path) == "denied"
        assert plugin.status().last_error is None


@pytest.mark.parametrize("setting", ["pending", "denied"])
def test_a_yes_that_cannot_be_written_holds(tmp_path: Path, unwritable: object, setting: Consent) -> None:
    """For this run, where no file says no."""
    player = new_player()
    with played(tmp_path, player, consent=setting) as plugin:
        plugin.set_consent("granted")
        plugin.end_session()
        player.clock.advance(5)
        assert len(player.ends) == 1
        assert "could not be kept" in (plugin.status().last_error or "")


def test_a_yes_does_not_hold_while_the_disk_says_no(tmp_path: Path, unwritable: pytest.MonkeyPatch) -> None:
    """The other copies read no, and would erase what this one kept."""
    tmp_path.joinpath("consent").write_text("denied")
    player = new_player()
    with played(tmp_path, player) as plugin:
        plugin.set_consent("granted")
        player.clock.advance(5)
        assert plugin.session is None
        unwritable.undo()
        player.clock.advance(1)
        assert plugin.session is not None


def test_a_newer_choice_of_another_copy_wins(tmp_path: Path, unwritable: pytest.MonkeyPatch) -> None:
    """What could not be written here is forgotten then."""
    player = new_player()
    with played(tmp_path, player) as plugin:
        plugin.set_consent("pending")
        unwritable.undo()
        choose(tmp_path, "granted")
        player.clock.advance(1)
        plugin.end_session()
        player.clock.advance(5)
        assert len(player.ends) == 1
        assert consent.load(tmp_path) == "granted"
        assert plugin.status().last_error is None


def test_a_yes_that_is_held_up_gives_way_to_a_newer_no(tmp_path: Path) -> None:
    """It waits for the other copy to hear of the first no; the second no, which is the same word, comes after it."""
    one, two = new_player(), new_player()
    with played(tmp_path, one) as mine, played(tmp_path, two) as theirs:
        mine.set_consent("denied")
        mine.set_consent("granted")
        theirs.set_consent("denied")
        for _ in range(5):
            one.clock.advance(1)
            two.clock.advance(1)
        assert (mine.session, theirs.session) == (None, None)
        assert consent.load(tmp_path) == "denied"


def test_of_two_choices_that_are_held_up_the_newer_one_holds(tmp_path: Path) -> None:
    """A third copy keeps both waiting."""
    players = [new_player() for _ in range(3)]
    one, two, three = (played(tmp_path, player) for player in players)
    one.set_consent("denied")
    one.set_consent("granted")
    two.set_consent("pending")
    for _ in range(3):
        for player in players:
            player.clock.advance(1)
    assert consent.load(tmp_path) == "pending"
    for plugin in (one, two, three):
        assert plugin.session is not None
        plugin.close()
    assert [player.destination.attempts for player in players] == [[], [], []]
