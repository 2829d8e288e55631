"""The server the game brings along: a child process on this computer that ends with the game, however the game ends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

HOST, PORT, SECRET = "127.0.0.1", 8765, "starfall-demo"
LINGER = 3.0  # seconds after a game that said goodbye: its last session is sent after its exit
GOODBYE = b"goodbye"


class Server:
    """`address` has the wanted port until wait() has returned True: then the real one, if that was taken."""

    def __init__(self, port: int, database: Path) -> None:
        self.address = f"http://{HOST}:{port}"
        self._ready = threading.Event()
        self._database = database
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def wait(self, seconds: float) -> bool:
        """Until it answers; False when that takes longer, or it has ended instead."""
        patience = time.monotonic() + seconds
        while self.running and time.monotonic() < patience:
            if self._ready.wait(0.05):
                return True
        return False

    def start(self) -> None:
        """Return at once; wait() tells when it answers."""
        self._ready.clear()
        port = self.address.rpartition(":")[2]
        self._child = subprocess.Popen(
            [sys.executable, "-m", __name__, port, str(self._database)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[2],
            # Ctrl-C in the terminal is for the game; the server ends after it
            start_new_session=sys.platform != "win32",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        threading.Thread(target=self._listen, args=(self._child,), daemon=True).start()

    def _listen(self, child: subprocess.Popen[bytes]) -> None:
        """The child prints its address when it answers, and nothing more until its output ends with it."""
        assert child.stdout is not None
        with child.stdout as said:
            if address := said.readline().decode().strip().rstrip("/"):
                self.address = address
                self._ready.set()
            said.read()
        child.wait()

    def stop(self) -> None:
        """Gone at once, like a pulled cable."""
        if self._child:
            self._child.kill()
            self._child.wait()
            if self._child.stdin:
                self._child.stdin.close()

    def goodbye(self) -> None:
        """Let it linger and then end by itself."""
        if self._child and self._child.stdin:
            with suppress(OSError):  # it may have ended already
                self._child.stdin.write(GOODBYE)
                self._child.stdin.close()

    def sessions(self, after: datetime) -> list[dict[str, Any]]:
        """What it has received since, newest last; past any proxy, since it is on this computer."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        since = urllib.parse.quote(after.isoformat(timespec="milliseconds"))
        with opener.open(f"{self.address}/sessions?after={since}", timeout=5) as answer:
            received: list[dict[str, Any]] = json.load(answer)
        return received


class Remote(Server):
    """A server that somebody else runs: not the game's to start, to wait for or to stop."""

    running = True

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")

    def wait(self, seconds: float) -> bool:
        return True

    def start(self) -> None:
        pass

    stop = goodbye = start


def _leave_with_the_game() -> None:
    """Standard input ends when the game does, even if it is killed."""
    said = b""
    while heard := os.read(sys.stdin.fileno(), 64):
        said += heard
    if said == GOODBYE:
        time.sleep(LINGER)
    os._exit(0)


def main(port: int, database: str) -> None:
    # here and not above: this runs in the child, the game itself never loads a server
    try:
        from gs_pygame.server import ServerConfig, ServerError, serve
    except ImportError as missing:
        sys.exit(f"Starfall's server did not start ({missing}). It needs: pip install 'gs-pygame[server]'")

    threading.Thread(target=_leave_with_the_game, daemon=True).start()
    _await_free(port)
    first: ServerError | None = None
    for candidate in range(port, port + 100):
        try:
            return serve(ServerConfig(f"sqlite:///{Path(database).as_posix()}", HOST, candidate, secret=SECRET))
        except ServerError as error:
            if _is_free(candidate):  # then it was not the port
                sys.exit(f"Starfall's server did not start: {error}")
            first = first or error
    sys.exit(f"Starfall's server did not start: {first}")


def _await_free(port: int) -> None:
    """Wait a little: a game that has just ended holds its port for a moment longer."""
    patience = time.monotonic() + LINGER + 0.5
    while not _is_free(port) and time.monotonic() < patience:
        time.sleep(0.1)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if sys.platform != "win32":  # there the option would let two programs share the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
