"""Posts to one address, and trusts nothing that comes back: what it reads, how long, and what it says are bounded.

The address holds a secret, so it appears in no log and no error, and no redirect is followed. Import this module late:
it imports `requests`, over 80 ms of processor time.
"""

from __future__ import annotations

import http.client
import io
import logging
import os
import socket
import time
import zlib
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import requests
import requests.adapters
import requests.utils
import urllib3

from .._base.patience import ANSWER_TIMEOUT, CONNECT_TIMEOUT, KEEP_ALIVE, READ_TIMEOUT
from .._version import __version__
from . import _why
from ._protocol import Retry

ANSWER_LIMIT = 64 * 1024  # bytes of an answer's body that are read
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB = 47  # zlib's wbits: whichever of the two it is

_posting: ContextVar[bool] = ContextVar("_posting", default=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, be it from the server or not. A body over ANSWER_LIMIT is none: b"".

    `date`: when that was, by the server's clock. `first`: nothing was asked before over its connection, so that it can
    be the answer to no other request. `headers`: by name, in whatever case.
    """

    status: int
    retry_after: str | None
    body: bytes
    date: str | None = None
    first: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)


class Poster:
    """Posts JSON to `url`; keeps the connection for posts that follow at once. Used by one thread at a time.

    `place`: host and port, for people.
    """

    def __init__(self, url: str, place: str) -> None:
        self._url = url
        self._place = place
        self._used = 0.0  # time.monotonic()
        self._first = True
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
        self._session.trust_env = url.lower().startswith("https:")
        self._session.auth = lambda request: request  # else requests would send what a ~/.netrc holds for that host
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter())
        for name in list(logging.root.manager.loggerDict):
            if name.partition(".")[0] == "urllib3":
                logging.getLogger(name).addFilter(_may_be_logged)

    def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> Answer | Retry:
        """The one place where low-level errors become outcomes. `headers`: this post's own."""
        if time.monotonic() - self._used > KEEP_ALIVE:
            self.close()
        token = _posting.set(True)
        proxy: str | None = None
        settings: dict[str, Any] = {"verify": True}
        try:
            settings = self._settings()
            proxy = requests.utils.select_proxy(self._url, settings["proxies"])
            request = self._prepared(body, headers)
            # Not by the session, which would follow a redirect, or read and unpack all of its body, and keep cookies.
            adapter = self._session.get_adapter(self._url)
            with adapter.send(request, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT), **settings) as answer:
                read = answer.raw.read(ANSWER_LIMIT + 1, decode_content=False)
                missing = answer.raw.length_remaining or 0
                if missing and len(read) <= ANSWER_LIMIT:  # one read of urllib3's does not say so
                    raise http.client.IncompleteRead(read, missing)
                said, first = answer.headers, self._first
                self._first = False
                return Answer(
                    answer.status_code,
                    said.get("Retry-After"),
                    _unpacked(read, said.get("Content-Encoding", "")),
                    said.get("Date"),
                    first,
                    said,
                )
        except Exception as error:  # noqa: BLE001 - whatever the network does is a reason to retry
            self.close()
            return _why.retry(error, self._place, proxy, settings["verify"])
        finally:
            _posting.reset(token)
            self._used = time.monotonic()

    def _settings(self) -> dict[str, Any]:
        """What the environment says of proxies and certificates.

        A proxy that cannot work is not passed by: whoever set it may not want to be seen at the server's. A file of
        certificate authorities that is not there is as if not named: the certificate is checked all the same.
        """
        settings: dict[str, Any] = dict(self._session.merge_environment_settings(self._url, {}, True, None, None))
        if isinstance(settings["verify"], str) and not os.path.exists(settings["verify"]):
            settings["verify"] = True
        return settings

    def _prepared(self, body: bytes, headers: Mapping[str, str] | None) -> requests.PreparedRequest:
        """Almost all is the same each time: made anew, it is a sixth of the time that a request takes."""
        if self._request is None:
            self._request = self._session.prepare_request(requests.Request("POST", self._url))
        request = self._request.copy() if headers else self._request
        request.headers.update(headers or {})
        request.prepare_body(body, None)
        return request

    def close(self) -> None:
        """Give up the connection; the next post has a new one."""
        self._session.close()
        self._first = True


def _unpacked(body: bytes, encoding: str) -> bytes:
    """The body, though nobody asked for a packed one. No more of it is unpacked than would be read."""
    if encoding.lower() in _PACKED:
        unpacker = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
        try:
            body = unpacker.decompress(body, ANSWER_LIMIT + 1)
        except zlib.error:
            return b""
        if not unpacker.eof:
            return b""
    return body if len(body) <= ANSWER_LIMIT else b""


def _may_be_logged(record: logging.LogRecord) -> bool:
    """urllib3 logs host and path, and so key and secret: what it says of our posts is dropped, and nothing else."""
    return not _posting.get()


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


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(sock, self.fp.detach()))

    def begin(self) -> None:
        """Read over what comes before the answer (RFC 9110, 15.2): http.client does so for 100 alone."""
        super().begin()
        while 100 < self.status < 200 and self.status != http.HTTPStatus.SWITCHING_PROTOCOLS:
            self.headers = self.msg = None  # type: ignore[assignment]
            super().begin()


class _Adapter(requests.adapters.HTTPAdapter):
    """Has every answer read by a _Response, also one that comes through a proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _use_ours(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        _use_ours(manager)
        return manager


def _use_ours(manager: urllib3.PoolManager) -> None:
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _ours(pool) for scheme, pool in pools.items()}


def _ours(pool: Any) -> Any:
    """`pool`, whose connections read answers as _Response does."""
    connection = type("_Connection", (pool.ConnectionCls,), {"response_class": _Response})
    return type("_Pool", (pool,), {"ConnectionCls": connection})
