"""The wire, without a network: what is accepted, what is refused in which words, what survives ill-typed parts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from server_kit import end

from gs_pygame.server import _json
from gs_pygame.server._json import BodyError, decode, encode
from gs_pygame.server._protocol import (
    Counters,
    Measured,
    RequestError,
    counters_of,
    own_data,
    parse_request,
    response,
    session_item,
)
from gs_pygame.server._times import format_micros, parse_micros


def measured(**session: object) -> Measured:
    return parse_request(end(scriptData={"session": session})).session


def test_a_complete_request_is_read_whole() -> None:
    """Every field of `scriptData.session` that the server keeps arrives, and the raw script data stays as it came."""
    request = parse_request(end())
    assert request.request_id == "d_1"
    assert request.player_id == "ada"
    assert request.session == Measured(
        id="s-d_1",
        previous_id="s-0",
        number=7,
        installation_id="i-1",
        started_at="2026-10-30T14:00:00.000Z",
        ended_at="2026-10-30T14:05:10.250Z",
        active_ms=187_000,
        wall_ms=310_250,
        reason="background",
        app="Starfall",
        app_version="1.2",
        platform="Linux",
        python="3.11.7",
        pygame="2.6.1",
        sdk="gs_pygame 0.1.0",
    )
    assert request.script_data == end()["scriptData"]


def test_a_minimal_request_is_enough() -> None:
    """A foreign client need send no more than the class and a requestId."""
    request = parse_request({"@class": ".EndSessionRequest", "requestId": "r"})
    assert (request.player_id, request.session, request.script_data) == (None, Measured(), {})


@pytest.mark.parametrize("script_data", [None, {}, {"session": None}, {"session": 5}, {"session": []}])
def test_a_session_part_that_is_missing_or_ill_typed_does_not_lose_the_end(script_data: object) -> None:
    """Without a usable `session` part the request is still valid."""
    assert parse_request(end(scriptData=script_data)).session == Measured()


@pytest.mark.parametrize(
    ("name", "field", "bad"),
    [
        ("id", "id", [5, "", "a\0b", "\ud800", None, {}]),
        ("number", "number", ["7", True, 0, -1, 1.5, 10**30, 1e300]),
        ("activeMs", "active_ms", [-1, "5", True, 0.5, 10**18]),
        ("wallMs", "wall_ms", [-1, [], 10**18]),
        ("startedAt", "started_at", ["yesterday", 0, "2026-10-30 14:00:00Z", "2026-13-30T14:00:00Z", "2026-10-30"]),
        ("endedAt", "ended_at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-10-30T14:00:60Z"]),
        ("reason", "reason", [1, ""]),
    ],
)
def test_an_ill_typed_part_is_dropped_alone(name: str, field: str, bad: list[object]) -> None:
    """Each ill-typed value becomes None; its neighbour is kept."""
    neighbour = ("previousId", "previous_id", "p")
    for value in bad:
        session = measured(**{name: value, neighbour[0]: neighbour[2]})
        assert getattr(session, field) is None, value
        assert getattr(session, neighbour[1]) == neighbour[2]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-10-30T14:00:00Z", "2026-10-30T14:00:00.000Z"),
        ("2026-10-30t14:00:00.5z", "2026-10-30T14:00:00.500Z"),
        ("2026-10-30T16:00:00.123456789+02:00", "2026-10-30T14:00:00.123Z"),
        ("0033-01-01T00:00:00Z", "0033-01-01T00:00:00.000Z"),
    ],
)
def test_times_are_kept_in_one_form(sent: str, kept: str) -> None:
    """Any RFC 3339 time is kept as UTC with milliseconds."""
    assert measured(startedAt=sent).started_at == kept


def test_whole_floats_are_integers() -> None:
    """JSON has one kind of number: 1500.0 ms is 1500 ms."""
    assert measured(activeMs=1500.0).active_ms == 1500
    assert type(measured(activeMs=1500.0).active_ms) is int


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"@class": ".LogEventRequest"}, "@class"),
        ({"@class": None}, "@class"),
        ({"requestId": None}, "requestId"),
        ({"requestId": ""}, "requestId"),
        ({"requestId": 5}, "requestId"),
        ({"requestId": "x" * 129}, "requestId"),
        ({"requestId": "\ud800"}, "requestId"),
        ({"scriptData": []}, "scriptData"),
        ({"scriptData": "text"}, "scriptData"),
    ],
)
def test_an_invalid_request_names_the_field(changes: dict[str, object], field: str) -> None:
    """The error names the field at fault."""
    with pytest.raises(RequestError, match="must be") as caught:
        parse_request({**end(), **changes})
    assert list(caught.value.fields) == [field]


def test_every_wrong_field_is_named() -> None:
    """One answer tells all that is wrong."""
    with pytest.raises(RequestError) as caught:
        parse_request({"scriptData": 1})
    assert list(caught.value.fields) == ["@class", "requestId", "scriptData"]


def test_script_data_has_a_depth() -> None:
    """A hundred levels pass; one more is refused, and no crash of some later reader. Brackets in texts do not count."""

    def nested(levels: int) -> dict[str, object]:
        value: dict[str, object] = {}
        for _ in range(levels - 1):
            value = {"in": value}
        return value

    for script_data in (nested(100), {"art": "[" * 500}, {"many": [{}] * 500}):
        assert decode(encode(end(scriptData=script_data)).encode())["scriptData"] == script_data
    with pytest.raises(BodyError, match="deeper than 101"):
        decode(encode(end(scriptData=nested(101))).encode())


def counted(counters: object) -> Counters | None:
    return counters_of(parse_request(end(scriptData={"session": {"counters": counters}})))


def test_counters_are_read() -> None:
    """What the client counted arrives whole; the end that brings it is not among those still queued."""
    counters = counted({"started": 12, "ended": 11, "delivered": 6, "rejected": 1, "dropped": {"full": 2}})
    assert counters == Counters(started=12, ended=11, delivered=6, rejected=1, dropped={"full": 2})
    assert counters is not None
    assert (counters.open, counters.queued, counters.accounted) == (1, 1, 5)


@pytest.mark.parametrize("session", [None, 5, {}, {"counters": None}, {"counters": []}, {"counters": "many"}])
def test_no_counters_are_none(session: object) -> None:
    """Old clients, and those without a disk, send none; what is no object is none either."""
    assert counters_of(parse_request(end(scriptData={"session": session}))) is None


@pytest.mark.parametrize("bad", [None, "7", True, -1, 1.5, 10**30, [], {}])
def test_an_ill_typed_count_is_dropped_alone(bad: object) -> None:
    """Its neighbours are kept, and it accounts for nothing."""
    whole = {"started": 9, "ended": 8, "delivered": 3, "rejected": 1, "dropped": {"full": 2}}
    assert counted({**whole, "started": bad}) == Counters(None, 8, 3, 1, {"full": 2})
    assert counted({**whole, "ended": bad}) == Counters(9, None, 3, 1, {"full": 2})
    assert counted({**whole, "delivered": bad}) == Counters(9, 8, None, 1, {"full": 2})
    assert counted({**whole, "rejected": bad}) == Counters(9, 8, 3, 0, {"full": 2})
    assert counted({**whole, "dropped": bad}) == Counters(9, 8, 3, 1, {})
    assert counted({**whole, "dropped": {"full": bad, "damage": 2}}) == Counters(9, 8, 3, 1, {"damage": 2})
    for unknown in ("started", "ended"):
        assert Counters(**{"started": 9, "ended": 8, unknown: None}).open == 0
    for unknown in ("ended", "delivered"):
        assert Counters(**{"ended": 8, "delivered": 3, unknown: None}).queued == 0


def test_causes_are_short_and_few() -> None:
    """A cause is text of 1 to 64 characters with something to count, and there are at most 32."""
    causes = {"": 1, "x" * 65: 1, "\0": 1, "\ud800": 1, "nothing": 0, "x" * 64: 1}
    assert counted({"dropped": causes}) == Counters(dropped={"x" * 64: 1})
    many = counted({"dropped": {f"cause {number}": 2**53 for number in range(40)}})
    assert many is not None
    assert len(many.dropped) == 32
    assert many.accounted < 2**63, "it is kept in 64 bits"


def test_contradictory_counters_account_for_nothing_twice() -> None:
    """More ended than started, more delivered than ended: neither makes an account negative."""
    assert Counters(started=1, ended=5, delivered=9, rejected=1).accounted == 1


def test_the_answer_carries_the_active_time() -> None:
    """sessionDuration is activeMs, zero too, and is left out when the client did not say."""
    assert response(parse_request(end())) == {
        "@class": ".EndSessionResponse",
        "requestId": "d_1",
        "sessionDuration": 187_000,
        "scriptData": {},
    }
    assert response(parse_request(end(scriptData={"session": {"activeMs": 0}})))["sessionDuration"] == 0
    assert "sessionDuration" not in response(parse_request(end(scriptData={})))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"5",
        b"null",
        b'"text"',
        b"{",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\xff"}',
        b"[" * 200_000,
        b'{"a":' * 40_000,
        "{}".encode("utf-16"),
    ],
    ids=lambda body: body[:12].decode("latin-1"),
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    """Not JSON, not an object, NaN, beyond a double, not UTF-8, bottomless: one exception with a sentence."""
    with pytest.raises(BodyError, match="The body must be"):
        decode(body)


def test_text_survives_the_round_trip() -> None:
    """Half a surrogate pair, which JSON allows and UTF-8 does not, comes back as it was sent."""
    sent = b'{"name": "\\ud83d", "other": "\\u0000\xc3\xa9"}'
    assert json.loads(encode(decode(sent))) == json.loads(sent)


def test_a_session_item_has_exactly_the_documented_names() -> None:
    """design.md section 8 lists the names of GET /sessions; scriptData is the player's own part."""
    item = session_item(parse_request(end()), 1_793_368_800_000_001)
    assert list(item) == [
        "id",
        "previousId",
        "number",
        "installationId",
        "playerId",
        "startedAt",
        "endedAt",
        "activeMs",
        "wallMs",
        "reason",
        "receivedAt",
        "requestId",
        "scriptData",
        "game",
        "app",
        "appVersion",
        "platform",
        "python",
        "pygame",
        "sdk",
        "counters",
        "exception",
        "frame",
    ]
    assert item["scriptData"] == {"level": 3} == own_data(parse_request(end()))
    assert item["receivedAt"].endswith(".000001Z")


@pytest.mark.parametrize("micros", [0, 1, 1_793_368_800_123_456, 253_402_300_799_999_999])
def test_microseconds_survive_their_text(micros: int) -> None:
    """receivedAt as text gives back the very same microsecond: paging depends on it."""
    assert parse_micros(format_micros(micros)) == micros


@pytest.mark.parametrize("value", [end(), {"a": [1.5, None, True, "\u00e9\ud83d"]}, {"n": 2**70, "m": -(2**63)}])
def test_without_the_quicker_json_it_is_the_same(monkeypatch: pytest.MonkeyPatch, value: dict[str, Any]) -> None:
    """Where orjson has no build for this Python."""
    with_it = decode(encode(value).encode())
    monkeypatch.setattr(_json, "orjson", None)
    assert decode(encode(value).encode()) == with_it == value
