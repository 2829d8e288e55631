"""GameSparks over REST: `POST {endpoint}/rs/{credential}/{secret}/EndSessionRequest`.

The secret is in the path, so no URL is ever logged, put into an exception, or followed to another host.
Importing this module is cheap; `requests` (over 80 ms of processor time) is imported at the first delivery.
"""

from __future__ import annotations

import email.utils
import json
import time
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from .._messages import End, EndSessionResponse
from ._protocol import Delivered, Outcome, Pause, Rejected, Retry

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 15.0  # seconds between two pieces of an answer; the official SDKs' requestTimeout
ANSWER_TIMEOUT = 30.0  # seconds for a whole answer
ANSWER_LIMIT = 64 * 1024  # bytes of an answer that are read
RETRY_AFTER_LIMIT = 3600.0  # seconds; a server that asks for a year is not believed

_RESPONSE_CLASS = ".EndSessionResponse"
_NOT_NOW = frozenset({408, 425, 429})  # statuses that say nothing about the end itself


class GameSparks:
    """The default destination. Used by one thread at a time."""

    def __init__(
        self, endpoint: str, secret: str, credential: str = "device", duration_unit: Literal["ms", "s"] = "ms"
    ) -> None:
        self._url = f"{endpoint.rstrip('/')}/rs/{quote(credential, safe='')}/{quote(secret, safe='')}/EndSessionRequest"
        self._milliseconds = 1000 if duration_unit == "s" else 1
        self._session: requests.Session | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def deliver(self, end: End) -> Outcome:
        """The one place where low-level errors become outcomes."""
        session = self._connect()
        try:
            with session.post(
                self._url,
                data=json.dumps(request_of(end)).encode(),
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
                stream=True,
            ) as answer:
                body = self._read(answer)
                return outcome_of(
                    answer.status_code, answer.headers.get("Retry-After"), body, end.request_id, self._milliseconds
                )
        except Exception as error:  # noqa: BLE001 - whatever the network does is a reason to retry
            return Retry(_kind_of(error))

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

    def _connect(self) -> requests.Session:
        if self._session is None:
            import requests

            self._session = requests.Session()
            # Else requests would send what a ~/.netrc holds for that host.
            self._session.auth = lambda request: request
            # "identity": a compressed answer could be far larger than what was read of it.
            self._session.headers.update({"Content-Type": "application/json", "Accept-Encoding": "identity"})
        return self._session

    @staticmethod
    def _read(answer: requests.Response) -> bytes:
        """At most ANSWER_LIMIT bytes and one more, within ANSWER_TIMEOUT."""
        deadline = time.monotonic() + ANSWER_TIMEOUT
        body = b""
        read = getattr(answer.raw, "read1", answer.raw.read)  # urllib3 1 has no read1: it may wait for a whole piece
        while len(body) <= ANSWER_LIMIT and time.monotonic() < deadline:
            piece = read(ANSWER_LIMIT + 1 - len(body), decode_content=False)
            if not piece:
                return body
            body += piece
        return b""  # too long, or too slow: no answer


def request_of(end: End) -> dict[str, Any]:
    """The body of the request for `end`."""
    return {
        "@class": ".EndSessionRequest",
        "requestId": end.request_id,
        "playerId": end.player_id,
        "scriptData": {**json.loads(end.script_data), "session": end.measured()},
    }


def outcome_of(status: int, retry_after: str | None, body: bytes, request_id: str, milliseconds: int = 1) -> Outcome:
    """What an answer means. `milliseconds`: how many of them the server's unit of `sessionDuration` has."""
    if status in (401, 403):
        return Pause(f"the server does not let us in (HTTP {status}): check secret, credential and api_key")
    answer = _verified(body, request_id)
    if answer is not None and status < 500 and status not in _NOT_NOW:
        error = answer.get("error")
        if not error and 200 <= status < 300:
            duration = answer.get("sessionDuration")
            script_data = answer.get("scriptData")
            return Delivered(
                EndSessionResponse(
                    round(duration * milliseconds) if isinstance(duration, (int, float)) else None,
                    script_data if isinstance(script_data, dict) else {},
                )
            )
        if error:
            words = json.dumps(error)[:1000]
            if "not authori" in words.lower():
                return Pause(f"the server does not let us in: {words}")
            return Rejected(words)
    if 300 <= status < 400:
        return Retry(f"the endpoint redirects (HTTP {status}), which is not followed: set its final address")
    if 200 <= status < 300:
        return Retry("something that is not the server answered (a portal's page?)", _seconds(retry_after))
    return Retry(f"the server answered HTTP {status}", _seconds(retry_after), server_error=status >= 500)


def _verified(body: bytes, request_id: str) -> dict[str, Any] | None:
    """The answer, if it is the server's answer to this very request: it echoes our requestId, or has none at all and
    carries the response's @class."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    echoed = answer.get("requestId")
    ours = echoed == request_id if echoed is not None else answer.get("@class") == _RESPONSE_CLASS
    return answer if ours else None


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After`, in seconds or as a date (RFC 9110), as seconds from now; None if it makes no sense."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(seconds, RETRY_AFTER_LIMIT) if seconds > 0 else None


def _kind_of(error: Exception) -> str:
    """What went wrong, without the words of `requests`, which would hold the URL and so the secret."""
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate is not valid, or TLS failed; nothing was sent"
    if isinstance(error, requests.exceptions.Timeout):
        return "the server did not answer in time"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "no connection to the server"
    return f"no usable answer ({type(error).__name__})"
