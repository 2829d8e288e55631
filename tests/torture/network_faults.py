"""Every fault of the network, and a server that goes in and out of one."""

from __future__ import annotations

import datetime
import email.utils
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import trustme

from gs_pygame.testing import FaultServer, Reply, Request, Wire
from gs_pygame.testing.replies import (
    answer,
    drip,
    endless,
    endless_header,
    gzip_bomb,
    head,
    portal,
    redirect,
    reset_after,
    reset_amid,
    reset_before,
    said,
    silence,
    stall,
    truncated,
    verified,
)

from .network_game import SECRET

PATH = f"/rs/device/{SECRET}/EndSessionRequest"
PAGE = b"<html><h1>nginx</h1></html>"
WRONG = {"playerId": "UNRECOGNISED"}


@dataclass(frozen=True)
class Fault:
    """What is wrong, and what comes of it.

    `reply`: what the server says; None: as ever. `means`: what a requestId that gets it is at the server: "nothing",
    "taken" or "refused". `first_only`: all but the first requestId are taken. `holds`: it lasts until the connection is
    broken. `for_long`: who has met it does not try again for long. `certificate`: see Certificates; none: no TLS.
    `dns`: see the game's Names.
    """

    reply: Reply | None = None
    means: str = "nothing"
    first_only: bool = False
    holds: bool = False
    for_long: bool = False
    refuses: bool = False
    certificate: str = ""
    shakes_hands: bool = True
    dns: str = "works"


def elsewhere(request: Request, wire: Wire) -> None:
    """A redirect to the same server by another name, where it would notice who comes."""
    redirect(f"http://localhost:{request.headers['host'].rpartition(':')[2]}/elsewhere")(request, wire)


def in_two_seconds(request: Request, wire: Wire) -> None:
    answer(429, headers={"Retry-After": email.utils.formatdate(time.time() + 2, usegmt=True)})(request, wire)


def busy(retry_after: str) -> Reply:
    return answer(429, headers={"Retry-After": retry_after})


FAULTS: dict[str, Fault] = {
    "none": Fault(verified(), "taken"),
    "refuses": Fault(refuses=True),
    "stays silent": Fault(silence, holds=True),
    "drips headers": Fault(drip(b"X: y\r\n", 1.0), holds=True),
    "drips a body": Fault(drip(b" ", 1.0, head(200, {"Content-Length": "9999"})), holds=True),
    "stops amid the body": Fault(stall, holds=True),
    "resets before the body": Fault(reset_before),
    "resets amid the body": Fault(reset_amid),
    "resets after the body": Fault(reset_after, "taken"),
    "200, HTML": Fault(portal),
    "200, empty": Fault(answer(200)),
    "200, truncated": Fault(truncated),
    "200, another requestId": Fault(verified(requestId="d_other")),
    "204": Fault(answer(204)),
    "error": Fault(verified(error=WRONG), "refused"),
    "error, HTTP 400": Fault(verified(400, error=WRONG), "refused"),
    "error, by @class": Fault(said({"@class": ".EndSessionResponse", "error": WRONG}), "refused"),
    "error, not authorised": Fault(verified(error={"authorisation": "NOT AUTHORISED"})),
    "redirect to another host": Fault(elsewhere),
    "400, a proxy's page": Fault(answer(400, PAGE)),
    "401": Fault(answer(401, b"{}")),
    "403": Fault(answer(403, b"{}")),
    "403, a firewall's page": Fault(answer(403, PAGE)),
    "404, a proxy's page": Fault(answer(404, PAGE)),
    "408": Fault(answer(408)),
    "413": Fault(answer(413, PAGE)),
    "429, 1 s": Fault(busy("1")),
    "429, a date": Fault(in_two_seconds),
    "429, nonsense": Fault(busy("when hell freezes over")),
    "429, a year": Fault(busy("31536000"), for_long=True),
    "500": Fault(answer(500)),
    "502": Fault(answer(502, PAGE)),
    "503": Fault(answer(503)),
    "504": Fault(answer(504, PAGE)),
    "one poisoned end": Fault(answer(500), first_only=True),
    "an endless header": Fault(endless_header),
    "a gzip bomb": Fault(gzip_bomb(16 << 20)),
    "5 GB": Fault(endless(5 * 10**9)),
    "certificate of nobody": Fault(certificate="of nobody"),
    "certificate of another host": Fault(certificate="of another host"),
    "certificate expired": Fault(certificate="expired"),
    "TLS stalls amid the handshake": Fault(certificate="valid", shakes_hands=False, holds=True),
    "TLS stalls after it": Fault(silence, certificate="valid", holds=True),
    "DNS fails": Fault(dns="fails"),
    "DNS hangs": Fault(dns="hangs"),
}


class Certificates:
    """`bundle`: a file with the authority that the game trusts. `contexts`: a server's TLS with a certificate each."""

    def __init__(self, folder: Path) -> None:
        ours, nobody = trustme.CA(), trustme.CA()
        self.bundle = str(folder / "ca.pem")
        ours.cert_pem.write_to_path(self.bundle)
        past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
        self.contexts = {
            "valid": self._context(ours.issue_cert("127.0.0.1")),
            "of nobody": self._context(nobody.issue_cert("127.0.0.1")),
            "of another host": self._context(ours.issue_cert("sessions.example.com")),
            "expired": self._context(ours.issue_cert("127.0.0.1", not_before=past, not_after=past.replace(year=2021))),
        }

    @staticmethod
    def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(made)
        return made


class Server:
    """Takes ends, except while it fails.

    `taken`, `refused`: how often it has told a client so of each requestId. `requests`: how many came in. `wrong`: what
    came in that never should.
    """

    def __init__(self, fault: Fault, certificates: Certificates) -> None:
        self.taken: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._fault = fault
        self._contexts = certificates.contexts
        self._bodies: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._server = FaultServer(self._well, self._contexts["valid"] if fault.certificate else None)
        self.url = self._server.url if fault.dns == "works" else f"http://localhost:{self._server.port}"

    def close(self) -> None:
        self._server.close()

    def fail(self) -> None:
        if self._fault.reply:
            self._server.default = self._failing
        if self._fault.certificate:
            self._server.tls = self._contexts[self._fault.certificate]
        self._server.shakes_hands = self._fault.shakes_hands
        if self._fault.refuses:
            self._server.down()

    def recover(self) -> None:
        broken = self._fault.holds or self._fault.refuses
        if broken:
            self._server.down()
        self._server.default = self._well
        self._server.shakes_hands = True
        if self._fault.certificate:
            self._server.tls = self._contexts["valid"]
        if broken:
            self._server.up()

    @property
    def requests(self) -> int:
        return len(self._server.requests)

    def has_failed(self) -> bool:
        """Whether the fault was met; one poisoned end has been when others were let past it."""
        return len(self.taken) >= 2 if self._fault.first_only else self._server.connections > 0

    def has_all(self, ids: list[str]) -> bool:
        return {f"d_{session_id}" for session_id in ids} <= {*self.taken, *self.refused}

    def _well(self, request: Request, wire: Wire) -> None:
        self._note(request, self.taken)
        verified()(request, wire)

    def _failing(self, request: Request, wire: Wire) -> None:
        if self._fault.first_only and request.json["requestId"] != next(iter(self._bodies), request.json["requestId"]):
            return self._well(request, wire)
        self._note(request, {"taken": self.taken, "refused": self.refused}.get(self._fault.means, Counter()))
        assert self._fault.reply is not None
        return self._fault.reply(request, wire)

    def _note(self, request: Request, kind: Counter[str]) -> None:
        with self._lock:
            if request.path != PATH:
                self.wrong.append(f"a request for {request.path}")
            if self._bodies.setdefault(request.json["requestId"], request.body) != request.body:
                self.wrong.append(f"an end that changed: {request.body!r}")
            kind[request.json["requestId"]] += 1
