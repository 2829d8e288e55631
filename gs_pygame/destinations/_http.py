"""Posts to one address, and trusts nothing that comes back: what it reads, how long, and what it says are bounded.

The address holds a secret, so it appears in no log and no error, and no redirect is followed. Import this module late:
it imports `requests`, over 80 ms of processor time.
"""

from __future__ import annotations

import http.client
import io
import logging
import socket
import ssl
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import requests.adapters
import urllib3
import urllib3.connection

from .._version import __version__
from ._protocol import Retry

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 15.0  # seconds between two pieces of an answer; the official SDKs' requestTimeout
ANSWER_TIMEOUT = 30.0  # seconds for a whole answer, headers and all
ANSWER_LIMIT = 64 * 1024  # bytes of an answer's body that are read
KEEP_ALIVE = 2.0  # seconds; later the server (uvicorn: after 5 s) or a router may have dropped an unused connection

_posting: ContextVar[bool] = ContextVar("_posting", default=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, be it from the server or not. A body over ANSWER_LIMIT is none: b""."""

    status: int
    retry_after: str | None
    body: bytes


class Poster:
    """Posts JSON to `url`; keeps the connection for posts that follow at once. Used by one thread at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._used = 0.0  # time.monotonic()
        self._request: requests.PreparedRequest | None = None
        self._session = requests.Session()
        self._session.headers.update(
            {
                "Content-Type": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": f"gs_pygame/{__version__}",
            }
        )
        # The environment may name a proxy. Of https it sees no more than the host, of http it would see the secret.
        self._session.trust_env = urlsplit(url).scheme == "https"
        self._session.auth = lambda request: request  # else requests would send what a ~/.netrc holds for that host
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter())
        for name in list(logging.root.manager.loggerDict):
            if name.partition(".")[0] == "urllib3":
                logging.getLogger(name).addFilter(_may_be_logged)

    def post(self, body: bytes) -> Answer | Retry:
        """The one place where low-level errors become outcomes."""
        if time.monotonic() - self._used > KEEP_ALIVE:
            self._session.close()
        token = _posting.set(True)
        try:
            request = self._prepared(body)
            settings: Any = self._session.merge_environment_settings(self._url, {}, True, None, None)
            # Not by the session, which would follow a redirect, or read and unpack all of its body, and keep cookies.
            adapter = self._session.get_adapter(self._url)
            with adapter.send(request, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT), **settings) as answer:
                read = answer.raw.read(ANSWER_LIMIT + 1, decode_content=False)
                return Answer(
                    answer.status_code, answer.headers.get("Retry-After"), read if len(read) <= ANSWER_LIMIT else b""
                )
        except Exception as error:  # noqa: BLE001 - whatever the network does is a reason to retry
            return _retry(error)
        finally:
            _posting.reset(token)
            self._used = time.monotonic()

    def _prepared(self, body: bytes) -> requests.PreparedRequest:
        """All but the body is the same each time: made anew, it is a sixth of the time that a request takes."""
        if self._request is None:
            self._request = self._session.prepare_request(requests.Request("POST", self._url))
        self._request.prepare_body(body, None)
        return self._request

    def close(self) -> None:
        self._session.close()


def _may_be_logged(record: logging.LogRecord) -> bool:
    """urllib3 logs host and path, and so key and secret: what it says of our posts is dropped, and nothing else."""
    return not _posting.get()


def _retry(error: BaseException) -> Retry:
    """What went wrong, without the words of `error`, which hold the URL and so the secret."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Retry("the server's certificate is not valid; nothing was sent", severe=True)
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, (requests.exceptions.SSLError, urllib3.exceptions.SSLError)):
        return Retry("no encrypted connection to the server (TLS failed)")
    if isinstance(error, (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError)):
        return Retry("the server did not answer in time")
    if isinstance(error, (requests.exceptions.ConnectionError, urllib3.exceptions.ProtocolError)):
        return Retry("no connection to the server, or it broke off")
    return Retry(f"no usable answer ({type(error).__name__})")


class _TimedReader(io.RawIOBase):
    """A socket's bytes, for ANSWER_TIMEOUT: a timeout of the socket alone starts anew with every byte."""

    def __init__(self, connection: socket.socket, reader: io.RawIOBase) -> None:
        self._connection = connection
        self._reader = reader
        self._deadline = time.monotonic() + ANSWER_TIMEOUT

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(min(READ_TIMEOUT, left))
        return self._reader.readinto(buffer)

    def close(self) -> None:
        self._reader.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(sock, self.fp.detach()))


class _HTTPConnection(urllib3.connection.HTTPConnection):
    response_class = _TimedResponse


class _HTTPSConnection(urllib3.connection.HTTPSConnection):
    response_class = _TimedResponse


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class _Adapter(requests.adapters.HTTPAdapter):
    """Has every answer read by a _TimedReader, but one that comes through a SOCKS proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._time(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return self._time(super().proxy_manager_for(*args, **kwargs))

    @staticmethod
    def _time(manager: urllib3.PoolManager) -> urllib3.PoolManager:
        if type(manager) in (urllib3.PoolManager, urllib3.ProxyManager):
            manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
        return manager
