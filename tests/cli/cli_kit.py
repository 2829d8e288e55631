"""What the tests of the command line share: commands in this process, and a game in another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from core_kit import child, line_of, ready, save, start

from gs_pygame import EndSessionResponse
from gs_pygame._disk.outbox import Outbox
from gs_pygame.cli import main

PLAYING = """
import sys
from pathlib import Path
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.runs import RunFile
folder = Path(sys.argv[1])
run_file = RunFile(folder / "runs")
outbox = Outbox(folder / "outbox.sqlite3")
outbox.start(run_file.run, "00000000-0000-4000-8000-00000000feed", 1_700_000_000.0, None, "{}", "{}", None)
print("playing", flush=True)
sys.stdin.read()
"""

DELIVERING = """
import sys
from pathlib import Path
from gs_pygame._disk.lock import FileLock
lock = FileLock(Path(sys.argv[1]) / "delivery-gamesparks.lock")
print("delivering", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Command:
    """Runs `gs-pygame`, here and now."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> Done:
        """With these words."""
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        said = self.capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    def on(self, name: str, *words: str) -> Done:
        """The command `name` on the folder."""
        return self(name, "--data-dir", str(self.folder), *words)


@contextmanager
def busy(script: str, folder: Path) -> Iterator[None]:
    """Another process does `script` meanwhile: PLAYING or DELIVERING."""
    folder.mkdir(exist_ok=True)
    with child(script, folder) as process:
        line_of(process)
        yield


def fill(path: Path, *ready_ids: str) -> None:
    """An outbox with these ends, ready."""
    with closing(Outbox(path)) as outbox:
        ready(outbox, *ready_ids)


def fill_with_all(path: Path) -> None:
    """Seven sessions: one open, one waiting, two ready, one delivered, one rejected, one dropped."""
    with closing(Outbox(path)) as outbox:
        ready(outbox, "dropped", "a", "b", "delivered", "rejected")
        outbox.deliver("delivered", EndSessionResponse(1, {"medal": "gold"}))
        outbox.reject("rejected", '{"DETAILS": "no"}')
        start(outbox, "waiting")
        save(outbox, "waiting")
        start(outbox, "open")
        outbox._database.change("DELETE FROM sessions WHERE session_id = 'dropped'")
        outbox._accounts.count("dropped:full")


def everything(folder: Path) -> dict[str, bytes]:
    """Each file below `folder`, but for SQLite's shared memory, in which a look marks its place, and an empty WAL,
    which a look leaves behind."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    contents = {name: path.read_bytes() for name, path in found.items() if not name.endswith("-shm")}
    return {name: data for name, data in contents.items() if data or not name.endswith("-wal")}
