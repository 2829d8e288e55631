"""What the network's tests share: ends, a log that hears everything, and waiting on a condition."""

from __future__ import annotations

import logging
import re
import ssl
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

import trustme

from gs_pygame import End, EndSessionResponse
from gs_pygame._disk.outbox import Outbox
from gs_pygame.destinations import Delivered, Destination, Outcome, Retry

DEADLINE = 60.0
"""Seconds; only a broken test waits this long."""

SECRET = "tôp/s3cret value"
QUOTED = quote(SECRET, safe="")
PATH = f"/rs/device/{QUOTED}/EndSessionRequest"


def end(session_id: str = "00000000-0000-4000-8000-000000000001") -> End:
    """An end with nothing left out."""
    return End(
        session_id=session_id,
        number=7,
        previous_id="00000000-0000-4000-8000-000000000000",
        installation_id="11111111-1111-4111-8111-111111111111",
        player_id="ada",
        started_at=1_800_000_000.25,
        active=83.4567,
        wall=90.5,
        reason="background",
        script_data='{"level":3}',
        about='{"appVersion":"1.2","sdk":"gs_pygame 0.1.0","platform":"linux","python":"3.11.7","pygame":"2.6.1"}',
    )


def put(outbox: Outbox, count: int = 1) -> list[str]:
    """Ends that are ready to go; their session ids in order."""
    ids = [str(uuid.uuid4()) for _ in range(count)]
    for session_id in ids:
        outbox.start("run", session_id, 1_800_000_000.0, "ada", "{}", "{}", None)
        outbox.save(session_id, "quit", 60.0, 60.0, "{}")
        outbox.release(session_id)
    return ids


class InTheGame:
    """A destination that no other process can be told of: a thread of the game delivers to it."""

    def __init__(self, inner: Destination) -> None:
        self.name, self.batch_size = inner.name, inner.batch_size
        self.deliver, self.close = inner.deliver, inner.close


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds."""
    limit = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < limit, "the condition never came true"
        time.sleep(0.005)


class Log(logging.Handler):
    """Hears every logger at every level, warnings too. `text`: all of it, as a file would have it."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        self.records: list[logging.LogRecord] = []
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.lines.append(self.format(record))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def ours(self, level: int = logging.NOTSET) -> list[str]:
        """The messages of the logger `gs_pygame`; of one level, if it is given."""
        return [
            record.getMessage()
            for record in self.records
            if record.name == "gs_pygame" and level in (logging.NOTSET, record.levelno)
        ]


def context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """A server's TLS with `certificate`."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(made)
    return made


NOT_THE_SERVER = Retry("what answered is not the server, or broke off (a portal's page?)")
HERE = "127.0.0.1:0"
PROXY = "(from HTTPS_PROXY, ALL_PROXY or this computer's settings)"
BROKEN_OFF = Retry(f"no connection to {HERE}: it broke off")
REFUSED = Retry(f"no connection to {HERE}: refused")
NO_HTTP = Retry(f"what answers at {HERE} does not speak HTTP")
TOO_SLOW = Retry(f"the server did not answer in time ({HERE})")


def anywhere(outcome: Outcome) -> Outcome:
    """`outcome`, as if every port were 0."""
    return (
        replace(outcome, why=re.sub(r"127\.0\.0\.1:\d+", HERE, outcome.why)) if isinstance(outcome, Retry) else outcome
    )


def delivered(duration: int | None = 0, **script_data: object) -> Delivered:
    return Delivered(EndSessionResponse(duration, script_data))


def status(code: int, after: float | None = None) -> Retry:
    return Retry(f"the server answered HTTP {code}", after, server_error=code >= 500 or code == 413)


def redirected(code: int) -> Retry:
    return Retry(f"the endpoint redirects (HTTP {code}), which is not followed: set its final address")
