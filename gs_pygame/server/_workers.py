"""Several processes that serve on one socket. The parent serves nobody: it starts them, starts another for one that
died, and hands on the signal to stop. They share the database, and their metrics' files; all else each has for itself.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from prometheus_client.multiprocess import mark_process_dead

from ._metrics import FOLDER
from ._running import Drained, signals_stop
from ._schema import ServerError

Work = Callable[[socket.socket], Drained]
"""What a worker does, until SIGTERM. It must be a function that another process can import, or a `partial` of one."""

PAUSE = 1.0
"""Seconds before a worker that died is replaced: one that cannot even start must not keep the computer busy."""

log = logging.getLogger("gs_pygame.server")


def run_workers(count: int, work: Work, listener: socket.socket, on_start: Callable[[], None]) -> Drained:
    """Until a signal; what all of them drained together."""
    with _metrics_folder() as folder:
        workers = _Workers(work, listener)
        with signals_stop(workers.stop):
            try:
                workers.start(count)
                on_start()
                workers.watch(folder)
            finally:
                workers.stop()
            return workers.drained()


@contextmanager
def _metrics_folder() -> Iterator[str]:
    before = os.environ.get(FOLDER)
    with tempfile.TemporaryDirectory(prefix="gs_pygame_metrics_", ignore_cleanup_errors=True) as folder:
        os.environ[FOLDER] = folder
        try:
            yield folder
        finally:
            if before is None:
                del os.environ[FOLDER]
            else:
                os.environ[FOLDER] = before


class _Workers:
    def __init__(self, work: Work, listener: socket.socket) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._work = work
        self._listener = listener
        self._workers: list[tuple[SpawnProcess, Connection]] = []
        self._stopping = False

    def start(self, count: int = 1) -> None:
        for _ in range(count):
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=_serve, args=(self._work, self._listener, theirs))
            process.start()
            theirs.close()
            self._workers.append((process, ours))
            if self._stopping:  # while it started
                process.terminate()

    def watch(self, folder: str) -> None:
        """Until it is to stop."""
        while not self._stopping:
            wait([process.sentinel for process, _ in self._workers])
            if self._stopping:
                return
            dead = [worker for worker in self._workers if not worker[0].is_alive()]
            for process, _ in dead:
                log.error("gs_pygame.server: worker %d died (%s); another is started", process.pid, process.exitcode)
                mark_process_dead(process.pid, folder)  # type: ignore[no-untyped-call]
            self._workers = [worker for worker in self._workers if worker not in dead]
            time.sleep(PAUSE)
            if not self._stopping:
                self.start(len(dead))

    def stop(self) -> None:
        """Also while a signal is handled. Says so once: the second time would end them at once."""
        if self._stopping:
            return
        self._stopping = True
        self._listener.close()  # else whoever comes now would wait for a worker
        for process, _ in self._workers:
            if process.is_alive():
                process.terminate()

    def drained(self) -> Drained:
        """When all have ended."""
        total = Drained()
        for process, pipe in self._workers:
            process.join()
            if pipe.poll():
                try:
                    total += pipe.recv()
                except EOFError:  # it died
                    continue
        return total


def _serve(work: Work, listener: socket.socket, pipe: Connection) -> None:
    """In the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal's, which says so to the parent as well
    threading.Thread(target=_stop_with_parent, args=(pipe,), daemon=True).start()
    try:
        pipe.send(work(listener))
    except ServerError as error:
        print(f"gs-pygame serve: {error}", file=sys.stderr, flush=True)
        sys.exit(2)


def _stop_with_parent(pipe: Connection) -> None:
    try:
        pipe.recv()  # it never says anything
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
