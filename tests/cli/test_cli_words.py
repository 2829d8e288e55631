"""What the command line and tracebacks say, in the words of whoever reads them: options at a shell, public names in a
game."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_kit import Command, fill
from core_kit import run

from gs_pygame import Settings
from gs_pygame.cli._game import _as_options


@pytest.mark.parametrize(
    ("words", "said", "not_said"),
    [
        ((), "pass its address as --endpoint, or set GS_PYGAME_ENDPOINT", "endpoint=..."),
        (("--endpoint", "http://example.com"), "or pass --allow-insecure", "=True"),
        (("--endpoint", "https://h/{api_key}"), "api_key is not set: set GS_PYGAME_API_KEY", "pass api_key"),
        (("--endpoint", "ftp://x"), "--endpoint is 'ftp://x', which", "allow_insecure"),
        (("--endpoint", "http://127.0.0.1:9", "--credential", ""), "--credential is ''", "credential=..."),
    ],
)
def test_a_wrong_setting_names_its_option(
    command: Command, path: Path, words: tuple[str, ...], said: str, not_said: str
) -> None:
    """Not the argument of install(), which nobody can pass at a shell."""
    fill(path, "a")
    done = command.on("flush", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not_said not in done.err


def test_a_wrong_name(command: Command) -> None:
    """The game's name, too."""
    done = command("status", "--app", "a/b")
    assert done.code == 2
    assert done.err.startswith("gs-pygame status: --app is 'a/b'; allowed is a name that can be a folder's")


def test_other_sentences_are_left_as_they_are() -> None:
    """Only what can be given as an option is one."""
    assert _as_options("there is no outbox in /a/endpoint is/b") == "there is no outbox in /a/endpoint is/b"
    assert _as_options("script_data=... is no option") == "script_data is no option"


def test_which_game(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names none, or one that was not played here, reads which were, in words that can be typed."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    done = command("status")
    assert (done.code, "Played here" in done.err) == (2, False)
    for author, app in (("Me", "My Game"), ("Ada", "Snake")):
        folder = Settings(app=app, author=author).folder
        folder.mkdir(parents=True)
        fill(folder / "outbox.sqlite3", "a")
    played = 'Played here: --app "Snake" --author "Ada"; --app "My Game" --author "Me"\n'
    assert command("status").err.endswith(f"its folder by --data-dir. {played}")
    for name in ("status", "flush", "export", "purge"):
        done = command(name, "--app", "Snake")
        assert (done.code, done.out) == (1, "")
        assert done.err.endswith(f". {played}")


@pytest.mark.parametrize(
    ("call", "last_line"),
    [
        (
            "install()",
            "gs_pygame.ConfigurationError: app is not set: "
            "pass app=..., which names the folder on the player's computer",
        ),
        (
            "install(app='G')",
            "gs_pygame.ConfigurationError: author is not set: "
            "pass author=..., which names the folder on the player's computer",
        ),
        ("EndSessionRequest().send()", "gs_pygame.NotInstalledError: no gs_pygame plugin is installed: "),
    ],
)
def test_a_traceback_names_what_can_be_caught(tmp_path: Path, call: str, last_line: str) -> None:
    """`except gs_pygame.ConfigurationError`, as it is shown; and it says what to do."""
    script = f"""
        import sys
        import gs_pygame
        try:
            gs_pygame.{call}
        except gs_pygame.GsPygameError:
            import traceback
            print(traceback.format_exc().splitlines()[-1])
        """
    assert run(script, tmp_path).stdout.startswith(last_line)
