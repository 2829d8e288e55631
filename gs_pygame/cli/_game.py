"""Which game a command is about, how its server is reached, and how a command says what went wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from .._base.errors import ConfigurationError, GsPygameError
from .._disk.storage import OUTBOX
from .._settings import Settings

App = Annotated[str | None, typer.Option(help="The game's name, as it calls install().")]
Author = Annotated[str, typer.Option(help="Its author, as it calls install().")]
DataDir = Annotated[
    str | None, typer.Option(metavar="DIR", help="The folder itself, instead of both (GS_PYGAME_DATA_DIR).")
]
Endpoint = Annotated[str | None, typer.Option(metavar="URL", help="The server's address (GS_PYGAME_ENDPOINT).")]
Credential = Annotated[str, typer.Option(help="As the game calls install().")]
AskSecret = Annotated[bool, typer.Option("--ask-secret", help="Ask for the secret, instead of GS_PYGAME_SECRET.")]
AllowInsecure = Annotated[bool, typer.Option("--allow-insecure", help="Let the server be http on another computer.")]
DestinationNames = Annotated[
    list[str] | None,
    typer.Option(
        "--destination",
        metavar="MODULE:NAME",
        help="Where the game sends, if not to an endpoint: a class, or an object. May be given several times.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

MOST = 9
"""Games that are named at once."""

_OPTIONS = ("app", "author", "data_dir", "endpoint", "credential", "allow_insecure")

CODES = "[bold]Exit code[/bold] {}; 2: the call is wrong, or something that it needs is not installed."


class DurationUnit(str, Enum):
    """Of the server's sessionDuration."""

    ms = "ms"
    s = "s"


def is_named(app: str | None, data_dir: str | None) -> bool:
    """Whether the call, or the environment, says which game."""
    return bool(app or data_dir or os.environ.get("GS_PYGAME_DATA_DIR"))


def folder_of(app: str | None, author: str | None, data_dir: str | None) -> Path:
    """Where everything lies on disk. Raises ConfigurationError.

    A game that was named is not looked for in the folder that the environment names.
    """
    if not is_named(app, data_dir):
        raise ConfigurationError(
            f"which game? Name it by --app (and --author), or its folder by --data-dir{_played_here()}"
        )
    settings = Settings(
        app=app, author=author, data_dir=data_dir or (None if app else os.environ["GS_PYGAME_DATA_DIR"])
    )
    settings.require_folder()
    return settings.folder.absolute()


def connection(
    folder: Path, endpoint: str | None, credential: str, allow_insecure: bool, ask_secret: bool, **more: Any
) -> Settings:
    """How the server is reached, with the environment's share. Not checked yet.

    The secret is typed, unseen, or the environment's. No option takes one: others could read it in the list of
    processes.
    """
    return Settings(
        data_dir=folder,
        endpoint=endpoint,
        credential=credential,
        allow_insecure=allow_insecure,
        secret=str(typer.prompt("Secret", hide_input=True, err=True)) if ask_secret else None,
        **more,
    ).resolved(os.environ)


@contextmanager
def complaints(command: str) -> Iterator[None]:
    """What goes wrong within is said in one sentence, and is the exit code: 2 for a wrong setting, else 1."""
    try:
        yield
    except BrokenPipeError:  # whoever read what we print has read enough
        raise
    except (OSError, GsPygameError) as error:
        where = _played_here() if isinstance(error, FileNotFoundError) else ""
        typer.echo(f"gs-pygame {command}: {_as_options(str(error))}{where}", err=True)
        raise typer.Exit(2 if isinstance(error, ConfigurationError) else 1) from None


def _played_here() -> str:
    """Which games there are, for who mistyped one."""
    root = Settings(author="author", app="app").folder.parents[1]
    games = sorted(path.parent for path in root.glob(f"*/*/{OUTBOX}"))[:MOST]
    named = [f'--app "{folder.name}" --author "{folder.parent.name}"' for folder in games]
    return f". Played here: {'; '.join(named)}" if named else ""


def _as_options(sentence: str) -> str:
    """What a game's author is told to pass, as whoever is at a shell gives it."""
    for setting, given in (("api_key", "GS_PYGAME_API_KEY"), ("secret", "GS_PYGAME_SECRET")):
        sentence = sentence.replace(f"pass {setting}=...", f"set {given}")
    sentence = re.sub(r"\b([a-z]+(?:_[a-z]+)*)=(?:\.\.\.|True)", lambda found: _option(found[1]), sentence)
    return re.sub(r"^[a-z]+(?:_[a-z]+)*(?= (?:is|'))", lambda found: _option(found[0]), sentence)


def _option(setting: str) -> str:
    return f"--{setting.replace('_', '-')}" if setting in _OPTIONS else setting


def counted(number: int, what: str) -> str:
    """`1 end`, `2 ends`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
