"""An HTTP server on loopback that answers each request as it is told: rightly, wrongly, slowly, or not at all."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

from ._wire import Reply, Request, Wire, read_request
from .replies import verified

_DEADLINE = 20.0  # seconds; only a broken test waits this long
_ACCEPT_STEP = 0.01  # seconds between two looks whether the server is to stop
_SEND_BUFFER = 16 * 1024  # bytes; small, so that what was sent is about what was read


class FaultServer:
    """Stands in for the server in a test, over real sockets: one thread for each connection::

        with FaultServer() as server:
            server.script(replies.answer(503), replies.silence)     # the next two requests; then `server.default`
            ...                                                     # a game with endpoint=server.url ends its session
            assert server.wait_for(1)
            assert server.requests[0].json["requestId"].startswith("d_")

    It listens from the construction to close(), with pauses from down() to up(); its port stays the same. `default`
    answers what no script does: like a GameSparks server unless it is given. `tls`: serve HTTPS with this context.
    Methods are for any thread. Raises OSError if it cannot listen.

    `url`: the endpoint. `requests`: what has come in, in order. `connections`: how many were accepted, with those whose
    TLS handshake failed. `sent`: bytes sent in all. `default`, `tls` and `shakes_hands` may be changed at any time, for
    what comes in afterwards: while `shakes_hands` is False, no TLS handshake is answered.
    """

    def __init__(self, default: Reply | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.default = default or verified()
        self.requests: list[Request] = []
        self.connections = 0
        self.sent = 0
        self.shakes_hands = True
        self.tls = tls
        self._script: deque[Reply] = deque()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = self._bind(0)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.up()

    def __enter__(self) -> FaultServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def script(self, *replies: Reply) -> None:
        """Answer the next requests so, one after the other."""
        with self._changed:
            self._script.extend(replies)

    def wait_for(self, count: int, timeout: float = _DEADLINE) -> bool:
        """Wait until `count` requests have come in, in all; False if they do not within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.requests) >= count, timeout)

    def up(self) -> None:
        """Accept connections, after down()."""
        self._stopping = threading.Event()
        self._listener.listen()
        self._listener.settimeout(_ACCEPT_STEP)
        self._spawn(self._accept, self._listener, self._stopping)

    def down(self) -> None:
        """Break all connections and refuse new ones. The port stays bound, so that nobody else gets it."""
        self._stop()
        self._listener = self._bind(self.port)

    def close(self) -> None:
        """Stop for good. Idempotent."""
        self._stop()

    @staticmethod
    def _bind(port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        give_up = time.monotonic() + _DEADLINE
        while True:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError as error:  # a connection of somebody's has got it, in the moment when nobody had it bound
                if error.errno != errno.EADDRINUSE or time.monotonic() > give_up:
                    listener.close()
                    raise
                time.sleep(_ACCEPT_STEP)
            else:
                return listener

    def _stop(self) -> None:
        self._stopping.set()
        self._listener.close()
        with self._changed:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):  # the client may have been quicker
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # SSLSocket's own takes TLS from its thread
        for thread in self._threads:
            thread.join(_DEADLINE)
        self._threads.clear()

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            connection.settimeout(None)
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            with self._changed:
                self.connections += 1
                self._open.add(connection)
            self._spawn(self._serve, connection, self.connections, stopping)

    def _serve(self, connection: socket.socket, number: int, stopping: threading.Event) -> None:
        try:
            if isinstance(connection, ssl.SSLSocket):
                if not self.shakes_hands:
                    stopping.wait()
                connection.do_handshake()
            wire = Wire(connection, stopping)
            with connection.makefile("rb") as lines:
                while wire.open and not stopping.is_set() and (request := read_request(lines, number)):
                    with self._changed:
                        reply = self._script.popleft() if self._script else self.default
                        self.requests.append(request)
                        self._changed.notify_all()
                    try:
                        reply(request, wire)
                    finally:
                        with self._changed:
                            self.sent, wire.sent = self.sent + wire.sent, 0
        except OSError:
            pass  # the client went away, or did not like our certificate
        finally:
            with self._changed:
                self._open.discard(connection)
            connection.close()
