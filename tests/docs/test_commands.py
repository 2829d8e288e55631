"""The commands that README and CONTRIBUTING show exist: their options, extras, modules and files. Those that install
something or wait for a person are not run here; CI runs the two of "Try it"."""

from __future__ import annotations

import importlib.util
import re
import shlex
from importlib.metadata import metadata

import pytest
from docs_kit import PAGES, ROOT, commands

from gs_pygame.cli import main

EVERY = sorted({command for page in PAGES for command in commands(page)})


def test_there_are_commands() -> None:
    """They are found in blocks as well as between backticks."""
    assert {
        "gs-pygame serve",
        'gs-pygame status --app "My Game" --author Me',
        "python -m pytest tests/player tests/plugin",
    } <= {*EVERY}


@pytest.mark.parametrize("command", EVERY)
def test_what_a_command_names_is_there(command: str) -> None:
    """Each extra, each module, each file with the test in it."""
    words = shlex.split(command)
    for extras in re.findall(r"(?:gs-pygame|\.)\[([\w,-]+)\]", command):
        assert set(extras.split(",")) <= set(metadata("gs-pygame").get_all("Provides-Extra") or ())
    if "-m" in words and words[0].endswith(("python", "python3")):
        assert importlib.util.find_spec(words[words.index("-m") + 1]) is not None
    for word in words:
        path, _, test = word.partition("::")
        if path.startswith(("tests/", "examples/", "assets/", "gs_pygame/")):
            assert (ROOT / path).exists()
            assert not test or f"def {test}(" in (ROOT / path).read_text("utf-8")


@pytest.mark.parametrize("command", [command for command in EVERY if "gs-pygame " in command])
def test_gs_pygame_has_the_options(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command is there, and its help names each option that is shown with it."""
    monkeypatch.setenv("COLUMNS", "200")
    told = shlex.split(command.partition("gs-pygame ")[2])
    name = [word for word in told[:1] if not word.startswith("-")]
    with pytest.raises(SystemExit) as ended:
        main([*name, "--help"])
    assert not ended.value.code
    helped = capsys.readouterr().out
    assert [option for option in re.findall(r"--?[a-z][a-z-]*", " ".join(told)) if option not in helped] == []
