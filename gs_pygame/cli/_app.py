"""The commands that need the extra `tools`, and the help that lists all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from .._version import __version__
from . import PLAIN
from ._doctor import doctor
from ._export import export
from ._flush import flush
from ._game import CODES
from ._purge import purge
from ._status import status

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # they would show secrets among the local variables
    epilog="A secret is never an option: it is read from GS_PYGAME_SECRET, or asked for.\n\n"
    + CODES.format("0: done, and all is well; 1: not done, or not all is well"),
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"gs_pygame {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The end of every session, delivered: play, look into a game's outbox, and find out what is wrong."""


def _plainly(command: Callable[[list[str]], int]) -> Callable[[typer.Context], None]:
    def pass_on(context: typer.Context) -> None:
        raise typer.Exit(command(context.args))

    return pass_on


def _add(command: Callable[..., None], *examples: str, codes: str) -> None:
    epilog = ["[bold]Examples[/bold]", *examples, CODES.format(codes)]
    app.command(epilog="\n\n".join(epilog))(command)


for _name, (_command, _help) in PLAIN.items():  # here for the help: main() is quicker, and leaves them every word
    app.command(
        _name,
        help=_help,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )(_plainly(_command))

_add(
    status,
    "gs-pygame status --app Starfall --author Me",
    "gs-pygame status --data-dir saves/gs_pygame --json",
    codes="0: here it is; 1: there is no outbox, or it cannot be read",
)
_add(
    flush,
    "gs-pygame flush --app Starfall --endpoint https://sessions.example.com",
    "gs-pygame flush --app Starfall --author Me --ask-secret --timeout 10",
    codes="0: nothing is left to deliver; 1: something is, or must not be sent",
)
_add(
    export,
    "gs-pygame export --app Starfall --format csv --output sessions.csv",
    "gs-pygame export --app Starfall --author Me --state rejected",
    codes="0: all that was asked for is there; 1: there is no outbox, or not all of it can be read",
)
_add(
    doctor,
    "gs-pygame doctor",
    "gs-pygame doctor --app Starfall --endpoint https://sessions.example.com",
    codes="0: nothing is wrong; 1: something is",
)
_add(
    purge,
    "gs-pygame purge --app Starfall --author Me",
    "gs-pygame purge --data-dir saves/gs_pygame --yes",
    codes="0: nothing is left; 1: not purged",
)
