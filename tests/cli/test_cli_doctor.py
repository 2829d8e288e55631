"""`gs-pygame doctor`: set-ups that are broken for real, each found and its cure named."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme
from cli_kit import PLAYING, Command, busy, everything, fill, fill_with_all
from core_kit import begin, choose, environment
from other_python import OtherPython
from server_kit import listening

from gs_pygame._disk.erasure import erase
from gs_pygame._disk.outbox import Outbox
from gs_pygame._settings import Settings
from gs_pygame.cli._finding import Finding
from gs_pygame.cli._folder_checks import look_at_folder
from gs_pygame.cli._server_check import look_at_server
from gs_pygame.cli._setup_checks import look_at_setup
from gs_pygame.server import create_app, open_store
from gs_pygame.testing import FaultServer, replies
from tests.disk.disk_kit import Disk

SECRET = "hush-hush"


def by_name(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def asked(server: str, **settings: Any) -> Finding:
    return look_at_server(Settings(data_dir=".", endpoint=server, **settings))


def fill_with_one_of_the_past(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        outbox.start("run", "s", 1_700_000_000.0, None, "{}", "{}", None)
        outbox.save("s", "quit", 1.0, 1.0, "{}")


# As a command


def test_all_is_well(command: Command, path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thing has its line, the exit code is 0; nothing is changed, no secret is shown, 80 columns are enough."""
    fill_with_one_of_the_past(path)
    monkeypatch.setenv("GS_PYGAME_SECRET", SECRET)
    server.default = replies.verified(error={"@class": "no"})
    before = everything(path.parent)
    done = command.on("doctor", "--endpoint", server.url)
    assert done.code == 0
    for name in ("gs_pygame", "python", "libraries", "pygame", "display", "clock", "folder", "journal", "outbox"):
        assert f" {name} " in done.out
    assert done.out.endswith("\n0 faults, 1 note.\n")
    assert max(map(len, done.out.splitlines())) <= 80
    assert "\x1b" not in done.out
    assert SECRET not in done.out + done.err
    assert everything(path.parent) == before


def test_a_fault(command: Command, path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1, and the cure is there for programs, too."""
    server.down()
    monkeypatch.setenv("GS_PYGAME_ENDPOINT", server.url)
    done = command.on("doctor", "--json")
    assert done.code == 1
    (fault,) = [finding for finding in done.json if finding["state"] == "fault"]
    assert fault["name"] == "server"
    assert "gs-pygame serve" in fault["cure"]
    assert not path.parent.exists()


def test_every_fault_and_note_has_a_cure_in_one_sentence(path: Path, server: FaultServer) -> None:
    """Which begins with a capital letter and ends with a full stop."""
    server.default = replies.portal
    for finding in [*look_at_setup(), *look_at_folder(path.parent), asked(server.url)]:
        if finding.state != "ok":
            assert finding.cure
            assert finding.cure.endswith(".")
            assert finding.cure[0].isupper() or finding.cure.startswith("pip ")


# pygame and the display


@pytest.fixture(scope="module")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> OtherPython:
    return OtherPython(tmp_path_factory.mktemp("python"))


@pytest.mark.skipif(sys.platform == "win32", reason="links take rights there")
@pytest.mark.parametrize("state", ["none", "empty", "both", "hidden"])
def test_pygame_that_does_not_work(other_python: OtherPython, tmp_path: Path, state: str) -> None:
    """None at all; what an uninstall of one of two leaves; both in one place; a file of the author's that hides it."""
    said, cure = {
        "none": ("there is none", "pip install pygame, or pip install pygame-ce."),
        "empty": ("is empty", "pip uninstall pygame pygame-ce, then install one of them."),
        "both": ("are installed in one place", "pip uninstall pygame pygame-ce, then install one of them."),
        "hidden": ("pygame.py is in its place", "Rename that file if it is yours; else reinstall."),
    }[state]
    if state == "hidden":
        (tmp_path / "pygame.py").write_text("print('my first game')")
    done = subprocess.run(
        [other_python.made(state), "-m", "gs_pygame", "doctor", "--json"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert findings["pygame"]["state"] == "fault"
    assert said in findings["pygame"]["said"]
    assert findings["pygame"]["cure"] == cure


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_pygame_that_crashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a broken video driver does it: the doctor lives on, and tells."""
    (tmp_path / "pygame.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    found = by_name(look_at_setup())
    assert (found["pygame"].state, "it ended with -11" in found["pygame"].said) == ("fault", True)
    assert "display" not in found


def test_a_clock_that_stands_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be earlier than our own files were written."""
    monkeypatch.setattr(time, "time", lambda: 1_000_000_000.0)
    clock = by_name(look_at_setup())["clock"]
    assert (clock.state, clock.said.startswith("it says 2001-09-09")) == ("fault", True)
    assert (clock.cure or "").startswith("Set the computer's clock")


@pytest.mark.parametrize(
    ("driver", "state", "said"),
    [("dummy", "note", "the video driver is dummy"), ("nonsense", "fault", "no window can be opened")],
)
def test_display(monkeypatch: pytest.MonkeyPatch, driver: str, state: str, said: str) -> None:
    """A driver without windows, and one that does not exist."""
    monkeypatch.setenv("SDL_VIDEODRIVER", driver)
    found = by_name(look_at_setup())
    assert (found["pygame"].state, found["display"].state) == ("ok", state)
    assert said in found["display"].said
    assert "SDL_VIDEODRIVER" in (found["display"].cure or "")


def test_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin that does nothing for a reason."""
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    switch = by_name(look_at_setup())["switch"]
    assert (switch.state, "DO_NOT_TRACK is set" in switch.said) == ("note", True)


def test_authorities_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that names no file is passed over, which whoever set it should know."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    found = by_name(look_at_setup())["authorities"]
    assert (found.state, found.said.startswith("REQUESTS_CA_BUNDLE names /nowhere/ca.pem")) == ("note", True)


# The folder


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """Where it should be, there is a file."""
    (tmp_path / "file").touch()
    folder = by_name(look_at_folder(tmp_path / "file" / "folder"))["folder"]
    assert (folder.state, folder.said.endswith("cannot be written: Not a directory")) == ("fault", True)
    assert folder.cure == "Name another folder by data_dir."


def test_a_read_only_disk(disk: Disk) -> None:
    """A real one."""
    disk.make_read_only(True)
    folder = by_name(look_at_folder(disk.folder))["folder"]
    assert (folder.state, "Read-only file system" in folder.said) == ("fault", True)
    assert folder.cure == "Mount that disk for writing, or name another folder by data_dir."


def test_a_full_disk(disk: Disk) -> None:
    """A real one, with an outbox on it; nothing of ours stays there."""
    fill(disk.folder / "outbox.sqlite3", "a")
    disk.fill()
    found = by_name(look_at_folder(disk.folder))
    assert (found["folder"].state, "No space left" in found["folder"].said) == ("fault", True)
    assert found["folder"].cure == "Free some room on that disk."
    assert not list(disk.folder.glob("gs_pygame-doctor*"))


def test_a_disk_that_is_nearly_full(disk: Disk) -> None:
    """It works, and will not for ever: 16 MiB."""
    folder = by_name(look_at_folder(disk.folder))["folder"]
    assert (folder.state, "MiB are free" in folder.said) == ("note", True)


def test_no_write_ahead_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite falls back to another journal (here through its VFS without shared memory)."""
    real = sqlite3.connect

    def without_shared_memory(path: Any, **options: Any) -> sqlite3.Connection:
        return real(f"file:{path}?vfs=unix-dotfile", uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", without_shared_memory)
    journal = by_name(look_at_folder(tmp_path))["journal"]
    assert (journal.state, "no write-ahead log" in journal.said) == ("note", True)
    assert journal.cure == "Name a folder on a local disk by data_dir."


@pytest.mark.parametrize("harm", ["nonsense", "page", "mark"])
def test_a_damaged_outbox(path: Path, harm: str) -> None:
    """No database at all, a page in the middle of one, or a game that found it malformed."""
    fill(path, *(f"s{number}" for number in range(200)))
    with closing(Outbox(path)) as outbox:
        outbox.checkpoint()
    whole = path.read_bytes()
    if harm == "nonsense":
        path.write_bytes(b"no database" * 1000)
    elif harm == "page":
        path.write_bytes(whole[:16384] + b"\xff" * 8192 + whole[24576:])
    else:
        path.with_name("outbox.sqlite3.damaged").touch()
    found = by_name(look_at_folder(path.parent))["outbox"]
    assert (found.state, "it cannot be used" in found.said) == ("fault", True)
    assert "Start the game once" in (found.cure or "")


def test_a_newer_outbox(path: Path) -> None:
    """This gs_pygame is too old for it."""
    fill(path, "a")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    found = by_name(look_at_folder(path.parent))["outbox"]
    assert (found.state, found.cure) == ("fault", "pip install --upgrade gs-pygame.")


def test_a_link(path: Path, tmp_path: Path) -> None:
    """A game would not follow it, and keep everything in memory."""
    fill(tmp_path / "real" / "outbox.sqlite3", "a")
    path.parent.mkdir()
    path.symlink_to(tmp_path / "real" / "outbox.sqlite3")
    found = by_name(look_at_folder(path.parent))["outbox"]
    assert (found.state, "is a link" in found.said) == ("fault", True)


def test_what_is_worth_a_note(path: Path) -> None:
    """Rejected ends, damage that was set aside, and a consent that holds everything back."""
    fill_with_all(path)
    path.with_name("outbox.sqlite3.damaged-123").touch()
    choose(path.parent, "pending")
    found = by_name(look_at_folder(path.parent))
    assert "gs-pygame export --state rejected" in (found["outbox"].cure or "")
    assert "1 damaged file beside the outbox" in found["set aside"].said
    assert "ends are kept, and not sent" in found["consent"].said
    assert {found[name].state for name in ("outbox", "set aside", "consent")} == {"note"}


def test_a_choice_that_is_not_followed_yet(path: Path) -> None:
    """A no that has not erased all, and a file that holds no word."""
    fill_with_all(path)
    choose(path.parent, "denied")
    found = by_name(look_at_folder(path.parent))["consent"]
    assert (found.state, "not all is erased yet" in found.said) == ("fault", True)
    (path.parent / "consent").write_text("")
    found = by_name(look_at_folder(path.parent))["consent"]
    assert (found.state, "cannot be read" in found.said) == ("fault", True)
    choose(path.parent, "denied")
    erase(path.parent)
    found = by_name(look_at_folder(path.parent))["consent"]
    assert (found.state, "nothing is kept or sent" in found.said) == ("note", True)


def test_a_choice_that_is_awaited(path: Path) -> None:
    """The game keeps ends until it has asked."""
    fill_with_all(path)
    begin(path.parent, "pending")
    found = by_name(look_at_folder(path.parent))["consent"]
    assert (found.state, "waits for the player's choice" in found.said) == ("note", True)


def test_ends_of_the_future(path: Path) -> None:
    """A clock that was ahead, or is behind now."""
    with closing(Outbox(path)) as outbox:
        outbox.start("run", "s", time.time() + 10 * 24 * 3600, None, "{}", "{}", None)
        outbox.save("s", "quit", 1.0, 1.0, "{}")
    dates = by_name(look_at_folder(path.parent))["dates"]
    assert (dates.state, "1 end of the future" in dates.said) == ("note", True)


def test_a_game_that_runs(path: Path) -> None:
    """It is seen, and nothing of its is changed."""
    with busy(PLAYING, path.parent):
        before = everything(path.parent)
        found = by_name(look_at_folder(path.parent))
        assert everything(path.parent) == before
    assert found["copies"].said == "the game is running now"
    assert found["outbox"].state == "ok"


# The server


def test_the_real_server(tmp_path: Path) -> None:
    """It is reached, it verifies, it lets us in with the right secret only; and no session is made."""
    with closing(open_store(f"sqlite:///{tmp_path / 'sessions.sqlite3'}")) as store:
        with listening(create_app(store, secret=SECRET)) as address:
            right, wrong, none = asked(address, secret=SECRET), asked(address, secret="wrong"), asked(address)
        assert store.latest(10) == []
    assert (right.state, "lets this game in" in right.said) == ("ok", True)
    for refused in (wrong, none):
        assert (refused.state, "does not let us in" in refused.said) == ("fault", True)
        assert "GS_PYGAME_SECRET" in (refused.cure or "")


@pytest.mark.parametrize(
    ("reply", "said", "cure"),
    [
        (replies.portal, "not the server", "Log in to this network"),
        (replies.redirect("https://elsewhere.example"), "redirects", "Set the endpoint"),
        (replies.answer(401, b"{}"), "does not let us in", "GS_PYGAME_SECRET"),
        (replies.answer(403, b"<html>"), "not the server's", "Log in to this network"),
        (replies.answer(404), "HTTP 404", "Check the endpoint's host and path"),
        (replies.answer(501), "HTTP 501", "Check the endpoint's host and path"),  # a web server that knows no POST
        (replies.answer(503), "HTTP 503", "server's log"),
        (replies.reset_before, "no connection", "Start the server"),
        (replies.truncated, "broke off", "Start the server"),
    ],
)
def test_a_server_that_is_not_well(server: FaultServer, reply: Any, said: str, cure: str) -> None:
    """Whatever answers: what it is, and what to do."""
    server.default = reply
    found = asked(server.url, secret=SECRET)
    assert found.state == "fault"
    assert said in found.said
    assert cure in (found.cure or "")
    assert SECRET not in repr(found)


def test_a_certificate_that_is_not_valid(server: FaultServer) -> None:
    """The check is never to be switched off."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with FaultServer(tls=context) as encrypted:
        found = asked(encrypted.url)
    assert (found.state, "is not valid" in found.said) == ("fault", True)
    assert "never switch the check off" in (found.cure or "")


@pytest.mark.parametrize(
    ("endpoint", "proxy", "said", "cure"),
    [
        ("https://sessions.exmaple.invalid", "", "the name sessions.exmaple.invalid is not known", "spelled"),
        ("http://127.0.0.1:1", "", "no connection to 127.0.0.1:1: refused", "Start the server"),
        ("https://127.0.0.1:1", "http://127.0.0.1:1", "no connection to the proxy 127.0.0.1:1", "NO_PROXY"),
    ],
)
def test_a_server_that_is_not_reached(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, proxy: str, said: str, cure: str
) -> None:
    """What is in the way, and what to do about it."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    found = asked(endpoint)
    assert found.state == "fault"
    assert said in found.said
    assert cure in (found.cure or "")


def test_a_server_that_takes_everything(server: FaultServer) -> None:
    """It verifies, but would count what is no session's end."""
    assert asked(server.url).state == "note"
    assert server.requests[0].json["@class"] != ".EndSessionRequest"


def test_settings_that_install_would_refuse() -> None:
    """The finding has the words of install()."""
    found = asked("http://example.com")
    assert (found.state, "use https" in (found.cure or "")) == ("fault", True)


def test_no_endpoint() -> None:
    """Then the server is not looked at, and that is said."""
    assert look_at_server(Settings(data_dir=".")).state == "skipped"
