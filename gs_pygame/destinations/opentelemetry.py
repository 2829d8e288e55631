"""OpenTelemetry: OTLP over HTTP, a log record each for `session.start` and `session.end`, by the semantic conventions
for sessions (https://opentelemetry.io/docs/specs/semconv/general/session/).

In JSON, which needs no library, and whose answer can be told from nobody's: in the other encoding a success is no byte
at all. OTLP has no ids of records, so what is sent again is there twice: at least once, and told apart by `session.id`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from .. import _address
from .._base.messages import End, EndSessionResponse
from .._version import __version__
from . import _answers, _fields
from ._protocol import Delivered, Outcome, Retry

if TYPE_CHECKING:
    from ._http import Answer, Poster

RECORDS = 2
"""Of each end."""

_INFO, _ERROR = 9, 17  # SeverityNumber of opentelemetry-proto
_SYSTEMS = {"win32": "windows"}  # sys.platform, where os.type has another word
_NAMES = {"exception": "exception.type"}  # what has one in the semantic conventions
_OF_THE_RESOURCE = frozenset({"app", "appVersion", "sdk", "platform", "python"})


@dataclass(frozen=True)
class OpenTelemetry:
    """A collector, or whoever speaks OTLP/HTTP with JSON. `endpoint`: its base, to which /v1/logs is added.

    `headers`: sent along, for who asks for a key. Raises ConfigurationError.
    """

    endpoint: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    allow_insecure: bool = False
    name: str = "opentelemetry"
    batch_size: ClassVar[int] = 100

    def __post_init__(self) -> None:
        _address.require("endpoint", self.endpoint, None, self.allow_insecure)
        _fields.require_headers(self.headers)
        _fields.require_name(self.name)

    @cached_property
    def _poster(self) -> Poster:
        from ._http import Poster

        return Poster(f"{self.endpoint.rstrip('/')}/v1/logs", _address.place(self.endpoint))

    def deliver(self, ends: Sequence[End]) -> list[Outcome]:
        return _answers.one_by_one(ends, self._deliver)

    def _deliver(self, ends: Sequence[End]) -> list[Outcome] | None:
        answer = self._poster.post(json.dumps(request_of(ends), separators=(",", ":")).encode(), self.headers)
        self.close()  # no answer says whose it is: another may follow it over that connection
        if isinstance(answer, Retry):
            return [answer] * len(ends)
        said = _answers.json_object(answer.body)
        if answer.status == 200 and said is not None and _is_response(answer, said):
            return [self._taken(said.get("partialSuccess"), len(ends))] * len(ends)
        if answer.status == 400 and said is not None and _is_status(said):
            if len(ends) > 1:
                return None
            return [_answers.refused(str(said.get("message") or said), list(self.headers.values()))]
        if answer.status == _answers.TOO_LARGE and len(ends) > 1:
            return None
        return [_answers.undelivered(answer, "headers")] * len(ends)

    def _taken(self, partial: object, count: int) -> Outcome:
        """By the specification nothing is sent again after a partial success, and which records it was is not said."""
        told = partial if isinstance(partial, dict) else {}
        try:
            rejected = int(told.get("rejectedLogRecords") or 0)
        except (ValueError, TypeError):
            rejected = 0
        if rejected <= 0:
            return Delivered(EndSessionResponse(None))
        which = f"{rejected} of {RECORDS * count} records refused: " if rejected < RECORDS * count else ""
        return _answers.refused(f"{which}{told.get('errorMessage') or 'without a reason'}", list(self.headers.values()))

    def close(self) -> None:
        if "_poster" in self.__dict__:
            self._poster.close()


def request_of(ends: Sequence[End]) -> dict[str, Any]:
    """An ExportLogsServiceRequest, with a resource for each version and machine that was played on."""
    by_about: dict[str, list[End]] = {}
    for end in ends:
        by_about.setdefault(end.about, []).append(end)
    return {"resourceLogs": [_logs_of(json.loads(about), same) for about, same in by_about.items()]}


def _logs_of(about: dict[str, Any], ends: Sequence[End]) -> dict[str, Any]:
    system = str(about.get("platform", ""))
    resource = {
        "service.name": about.get("app") or "unknown_service",
        "service.version": about.get("appVersion"),
        "os.type": _SYSTEMS.get(system, system) or None,
        "process.runtime.name": "python",
        "process.runtime.version": about.get("python"),
    }
    rest = _attributes(
        {_NAMES.get(key, f"gs_pygame.{key}"): value for key, value in about.items() if key not in _OF_THE_RESOURCE}
    )
    scope = {"name": "gs_pygame", "version": __version__}
    records = [record for end in ends for record in _records_of(end, rest)]
    return {
        "resource": {"attributes": _attributes(resource)},
        "scopeLogs": [{"scope": scope, "logRecords": records}],
    }


def _records_of(end: End, rest: list[dict[str, Any]]) -> list[dict[str, Any]]:
    session = _attributes(
        {
            "session.id": end.session_id,
            "session.previous_id": end.previous_id,
            "app.installation.id": end.installation_id,
            "user.id": end.player_id,
        }
    )
    told = _attributes(
        {
            "gs_pygame.number": end.number,
            "gs_pygame.activeMs": round(end.active * 1000),
            "gs_pygame.wallMs": round(end.wall * 1000),
            "gs_pygame.reason": end.reason,
            "gs_pygame.counters": end.counters,
            "gs_pygame.scriptData": end.script_data if end.script_data != "{}" else None,
        }
    )
    severity = _ERROR if end.reason == "crash" else _INFO
    return [
        _record("session.start", end.started_at, _INFO, session),
        _record("session.end", end.ended_at, severity, session + told + rest),
    ]


def _record(event: str, at: float, severity: int, attributes: list[dict[str, Any]]) -> dict[str, Any]:
    moment = str(round(at * 1000) * 1_000_000)  # to the millisecond, as everywhere else
    return {
        "timeUnixNano": moment,
        "observedTimeUnixNano": moment,
        "severityNumber": severity,
        "eventName": event,
        "attributes": attributes,
    }


def _attributes(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in told.items() if value is not None]


def _value(value: Any) -> dict[str, Any]:
    """An AnyValue. What has parts is JSON in a text: not every backend keeps maps."""
    match value:
        case str():
            return {"stringValue": value}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
    return {"stringValue": json.dumps(value)}


def _is_response(answer: Answer, said: dict[str, Any]) -> bool:
    """Whether this is an ExportLogsServiceResponse: it has no other field, and JSON must be called so."""
    return _answers.is_of_kind(answer, "application/json") and (not said or "partialSuccess" in said)


def _is_status(said: dict[str, Any]) -> bool:
    """Whether this is a google.rpc.Status, which says what is wrong with a request."""
    return isinstance(said.get("message"), str) and said.keys() <= {"code", "message", "details"}
