"""Stubs of the services that ends go to, as replies of a fault server. Each is written from the service's own
documentation, and keeps what it took, as the service would.

PostHog: https://posthog.com/docs/api/capture, and the answers of its `capture` service; GameAnalytics:
https://docs.gameanalytics.com/integrations/api; PostgREST: https://docs.postgrest.org, tables and views.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import re
import time
from typing import Any

from gs_pygame import End
from gs_pygame.testing import Request, Wire
from gs_pygame.testing.replies import answer

JSON = {"Content-Type": "application/json"}


def tell(request: Request, wire: Wire, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
    body = b"" if value is None else json.dumps(value, separators=(",", ":")).encode()
    answer(status, body, {**JSON, **(headers or {})})(request, wire)


class Stub:
    """A service: `take` has whole requests alone, and not what somebody was killed amid."""

    def __call__(self, request: Request, wire: Wire) -> None:
        if len(request.body) == int(request.headers.get("content-length", 0)):
            self.take(request, wire)
        else:
            wire.hang_up()

    def take(self, request: Request, wire: Wire) -> None:
        raise NotImplementedError


class Receiver(Stub):
    """Keeps what it is sent once by its id, as the page of the webhook asks of a receiver. `kept`: by id."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def take(self, request: Request, wire: Wire) -> None:
        sent = request.json
        for message in sent if isinstance(sent, list) else [sent]:
            self.kept.setdefault(message["id"], message)
        tell(request, wire, 200, {"ids": [m["id"] for m in sent]} if isinstance(sent, list) else {"id": sent["id"]})


def row(end: End) -> dict[str, Any]:
    """What a table gets of an end."""
    return {"id": end.session_id}


class PostgREST(Stub):
    """A table whose primary key is `id`. `rows`: by that."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}

    def take(self, request: Request, wire: Wire) -> None:
        prefer = request.headers.get("prefer", "")
        if request.headers.get("apikey") != "s3cret-key":
            return tell(request, wire, 401, {"message": "Invalid API key"})
        sent = request.json
        rows = sent if isinstance(sent, list) else [sent]
        new = [row for row in rows if row["id"] not in self.rows]
        if len(new) < len(rows) and "ignore-duplicates" not in prefer:
            words = 'duplicate key value violates unique constraint "sessions_pkey"'
            return tell(request, wire, 409, {"code": "23505", "details": None, "hint": None, "message": words})
        self.rows.update({row["id"]: row for row in new})
        applied = {"Preference-Applied": prefer} if prefer else {}
        return tell(request, wire, 201 if new else 200, None, {"Content-Range": "*/*", **applied})


class PostHogStub(Stub):
    """`capture` of PostHog's. `events`: as they are counted, one for each uuid, event, timestamp and distinct_id."""

    def __init__(self, key: str = "phc_key") -> None:
        self._key = key
        self.events: dict[tuple[str, ...], Any] = {}
        self.historical: list[bool] = []

    def take(self, request: Request, wire: Wire) -> None:
        def plain(status: int, words: str) -> None:
            answer(status, words.encode(), {"Content-Type": "text/plain; charset=utf-8"})(request, wire)

        if request.path != "/batch/":
            return plain(404, "")
        sent = request.json
        if not sent.get("api_key"):
            return plain(401, "event submitted without an api_key")
        if sent["api_key"] != self._key:
            return plain(401, "API key is not valid: project_not_found")
        if not sent.get("batch"):
            return plain(400, "request holds no event")
        for event in sent["batch"]:
            if not event.get("distinct_id"):
                return plain(400, "event submitted with an empty distinct_id")
            if event.get("properties", {}).get("scriptData", {}).get("too big"):
                return plain(400, "maximum event size exceeded")
        self.historical.append(sent.get("historical_migration", False))
        for event in sent["batch"]:
            self.events[tuple(event[name] for name in ("uuid", "event", "timestamp", "distinct_id"))] = event
        return tell(request, wire, 200, {"status": "Ok"})


_REQUIRED = ("v", "user_id", "client_ts", "sdk_version", "os_version", "manufacturer", "device", "platform",
             "session_id", "session_num", "category")  # fmt: skip
_SYSTEMS = "ios|android|windows|linux|mac_osx|tizen|webgl|ps4|xboxone"
_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Collector(Stub):
    """GameAnalytics' collector, API v2. `events`: what it took. `ahead`: its clock, in seconds."""

    def __init__(self, game_key: str = "a-game-key", secret_key: str = "a-secret-key") -> None:
        self._game_key, self._secret_key = game_key, secret_key
        self.events: list[dict[str, Any]] = []
        self.ahead = 0
        self.enabled = True
        self.inits = 0

    def take(self, request: Request, wire: Wire) -> None:
        signed = hmac.new(self._secret_key.encode(), request.body, hashlib.sha256).digest()
        _, _, key, what = request.path.split("/")
        if key != self._game_key or request.headers.get("authorization") != base64.b64encode(signed).decode():
            return tell(request, wire, 401, {})
        sent = json.loads(gzip.decompress(request.body))
        if what == "init":
            self.inits += 1
            told = {"enabled": self.enabled, "server_ts": int(time.time()) + self.ahead, "flags": []}
            return tell(request, wire, 200, told)
        if wrong := [found for event in sent if (found := _wrong(event))]:
            return tell(request, wire, 400, wrong)
        self.events += sent
        return tell(request, wire, 200, {})


def _wrong(event: dict[str, Any]) -> dict[str, Any] | None:
    """What the collector says of an event that does not pass."""
    faults = [name for name in _REQUIRED if name not in event]
    checks = {
        "v": event.get("v") == 2,
        "client_ts": type(event.get("client_ts")) is int,
        "sdk_version": event.get("sdk_version") == "rest api v2",
        "platform": re.fullmatch(_SYSTEMS, str(event.get("platform"))),
        "os_version": re.fullmatch(rf"({_SYSTEMS}) \d{{0,5}}(\.\d{{0,5}}){{0,2}}", str(event.get("os_version"))),
        "session_id": _UUID.fullmatch(str(event.get("session_id"))),
        "session_num": type(event.get("session_num")) is int and event["session_num"] >= 1,
        "user_id": event.get("user_id"),
        "build": 0 < len(event.get("build", "1")) <= 32,
        "category": event.get("category") in ("user", "session_end", "error"),
        "length": event.get("category") != "session_end" or (type(event.get("length")) is int and event["length"] >= 0),
        "severity": event.get("category") != "error" or event.get("severity") in ("critical", "error"),
    }
    faults += [name for name, right in checks.items() if not right]
    return (
        {"errors": [{"error_type": "wrong", "path": f"/{name}"} for name in faults], "event": event} if faults else None
    )
