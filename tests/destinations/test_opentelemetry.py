"""OpenTelemetry: what a real collector makes of it, and what its answers mean."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from collector_kit import Rotel, free_port, rotel
from network_kit import DEADLINE, NOT_THE_SERVER, end, eventually, status

from examples import my_game
from gs_pygame import ConfigurationError, EndSessionResponse
from gs_pygame.destinations import Delivered, OpenTelemetry, Outcome, Pause, Rejected, Retry
from gs_pygame.destinations.opentelemetry import request_of
from gs_pygame.testing import FaultServer, Player, Reply, Request, Wire
from gs_pygame.testing.replies import answer

DELIVERED = Delivered(EndSessionResponse(None))
JSON = {"Content-Type": "application/json"}
ID = "00000000-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotel]:
    with rotel(tmp_path_factory.mktemp("rotel")) as running:
        yield running


@pytest.mark.library("rotel")
def test_a_played_session_at_a_real_collector(gs_player: Player, collector: Rotel) -> None:
    """A game is played as it is; the collector writes down its start and its end, by the semantic conventions, when
    they were."""
    gs_player.plays(my_game.main, [10, gs_player.minimises, 20, gs_player.returns, 5])
    (played,) = gs_player.destination.ends
    destination = OpenTelemetry(collector.url)
    assert destination.deliver([played]) == [DELIVERED]
    destination.close()
    said = collector.wait_for(f"session.id: Str({played.session_id})", 2)
    assert "-> service.name: Str(My Game)" in said
    assert "-> os.type: Str(linux)" in said
    assert f"Timestamp: {round(played.started_at * 1000) * 10**6}\n" in said
    assert f"Timestamp: {round(played.ended_at * 1000) * 10**6}\n" in said
    assert "EventName: session.start" in said
    assert "EventName: session.end" in said
    assert "-> gs_pygame.reason: Str(quit)" in said
    assert f"-> gs_pygame.activeMs: Int({round(played.active * 1000)})" in said


STARFALL = """
import sys
import gs_pygame
from gs_pygame.destinations import GameSparks, OpenTelemetry

install, collector = gs_pygame.install, sys.argv.pop()

def to_both(endpoint, secret, **rest):
    return install(destination=[GameSparks(endpoint, secret), OpenTelemetry(collector)], **rest)

gs_pygame.install = to_both
from examples.starfall.__main__ import main
sys.exit(main())
"""


@pytest.mark.library("rotel")
def test_starfall_at_a_real_collector(tmp_path: Path, collector: Rotel) -> None:
    """The example game, played by its bot, its sessions sent to its own server and by OTLP: each is there once."""
    before = collector.output.count("-> service.name: Str(Starfall)")
    command = [sys.executable, "-c", STARFALL, "--headless", "1", "--port", str(free_port())]
    subprocess.run([*command, "--data-dir", str(tmp_path), collector.url], check=True, timeout=DEADLINE * 4)
    eventually(lambda: collector.output.count("-> service.name: Str(Starfall)") > before)
    sessions = re.findall(r"-> session\.id: Str\((.+)\)", collector.output.split("Str(Starfall)", 1)[1])
    assert sorted(Counter(sessions).values()) == [2]  # its start and its end
    assert '-> gs_pygame.scriptData: Str({"score":' in collector.output


@pytest.mark.library("rotel")
def test_a_thousand_ends_at_a_real_collector(collector: Rotel) -> None:
    """In batches of a hundred; each is there once."""
    before = collector.output.count("EventName: session.end")
    ends = [end(f"00000000-0000-4000-8000-00000000{number:04d}") for number in range(1000)]
    destination = OpenTelemetry(collector.url)
    for first in range(0, len(ends), destination.batch_size):
        assert destination.deliver(ends[first : first + 100]) == [DELIVERED] * 100
    destination.close()
    collector.wait_for("EventName: session.end", before + 1000)
    assert collector.output.count("EventName: session.end") == before + 1000


@pytest.mark.library("rotel")
@pytest.mark.library("oteltap")
def test_what_another_receiver_gets_of_it(tmp_path: Path) -> None:
    """Rotel sends it on in OTLP's other encoding, and OtelTap, of other authors, reads it with opentelemetry-proto:
    the attributes of a crash, and a start and an end that each have their time."""
    from oteltap import OtelTapHttpProtobufReceiver, OtelTapHttpProtobufReceiverSettings

    port = free_port()

    def unpacked(request: Request, wire: Wire) -> None:
        """Rotel packs what it sends, and OtelTap unpacks nothing."""
        requests.post(
            f"http://127.0.0.1:{port}{request.path}",
            gzip.decompress(request.body),
            headers={"Content-Type": request.headers["content-type"]},
            timeout=DEADLINE,
        ).raise_for_status()
        answer(200, b"", {"Content-Type": "application/x-protobuf"})(request, wire)

    async def received() -> list[Any]:
        async with OtelTapHttpProtobufReceiver(OtelTapHttpProtobufReceiverSettings(http_port=port)) as tap:
            records = [
                asyncio.ensure_future(tap.await_log(lambda log, name=name: log.event_name == name, timeout=DEADLINE))
                for name in ("session.start", "session.end")
            ]
            with FaultServer(unpacked) as between, rotel(tmp_path, between.url) as collector:
                assert await asyncio.to_thread(OpenTelemetry(collector.url).deliver, [crashed()]) == [DELIVERED]
                return await asyncio.gather(*records)

    start, finish = asyncio.run(received())
    assert (start.time_unix_nano, finish.time_unix_nano) == (1_800_000_000_250_000_000, 1_800_000_090_750_000_000)
    assert (start.severity_number, finish.severity_number) == (9, 17)
    said = {each.key: each.value.int_value or each.value.string_value for each in finish.attributes}
    assert said["session.id"] == ID
    assert said["session.previous_id"] == "00000000-0000-4000-8000-000000000000"
    assert said["exception.type"] == "ValueError"
    assert said["gs_pygame.frame"] == "game.py:12 in play"
    assert said["gs_pygame.activeMs"] == 83457
    assert json.loads(said["gs_pygame.scriptData"]) == {"level": 3}
    assert {each.key for each in start.attributes} == {
        *("session.id", "session.previous_id", "app.installation.id", "user.id")
    }


def crashed() -> Any:
    about = {"app": "Starfall", "appVersion": "1.2", "platform": "win32", "python": "3.11.7", "exception": "ValueError"}
    return replace(end(), reason="crash", about=json.dumps({**about, "frame": "game.py:12 in play"}))


def test_a_resource_for_each_version_that_was_played() -> None:
    """An update between two ends of a batch: each end is said of the version it was played on."""
    first, second = end(), crashed()
    request = request_of([first, second, first])
    told = [
        {each["key"]: each["value"]["stringValue"] for each in resource["resource"]["attributes"]}
        for resource in request["resourceLogs"]
    ]
    assert [each["service.version"] for each in told] == ["1.2", "1.2"]
    assert [each["service.name"] for each in told] == ["unknown_service", "Starfall"]
    assert [each["os.type"] for each in told] == ["linux", "windows"]
    assert [len(each["scopeLogs"][0]["logRecords"]) for each in request["resourceLogs"]] == [4, 2]


def test_all_that_is_measured_is_told() -> None:
    """What an end measures, and what its run says of itself, is in the records, their times or their resource."""
    whole = replace(crashed(), counters='{"started":7}')
    (logs,) = request_of([whole])["resourceLogs"]
    _, ended = logs["scopeLogs"][0]["logRecords"]
    told = {each["key"] for each in (*ended["attributes"], *logs["resource"]["attributes"])}
    names = {
        "id": "session.id",
        "previousId": "session.previous_id",
        "installationId": "app.installation.id",
        "app": "service.name",
        "appVersion": "service.version",
        "platform": "os.type",
        "python": "process.runtime.version",
        "exception": "exception.type",
    }
    measured = whole.measured().keys() - {"startedAt", "endedAt"}
    assert {names.get(key, f"gs_pygame.{key}") for key in measured} <= told


def partial(**fields: object) -> Reply:
    return answer(200, json.dumps({"partialSuccess": fields}).encode(), JSON)


ANSWERS: dict[str, tuple[Reply, Outcome]] = {
    "full success": (answer(200, b"{}", JSON), DELIVERED),
    "full success, said in full": (partial(), DELIVERED),
    "as Rotel says it": (answer(200, b'{"partialSuccess":null}', JSON), DELIVERED),
    "with a charset": (answer(200, b"{}", {"Content-Type": "application/json; charset=utf-8"}), DELIVERED),
    "a warning": (partial(rejectedLogRecords="0", errorMessage="old client"), DELIVERED),
    "partial success": (partial(rejectedLogRecords="1", errorMessage="x"), Rejected("1 of 2 records refused: x")),
    "no success": (partial(rejectedLogRecords=2, errorMessage="too old"), Rejected("too old")),
    "a number that is none": (partial(rejectedLogRecords="many"), DELIVERED),
    "called otherwise": (answer(200, b"{}", {"Content-Type": "text/html"}), NOT_THE_SERVER),
    "other JSON": (answer(200, b'{"ok": true}', JSON), NOT_THE_SERVER),
    "202": (answer(202, b"{}", JSON), NOT_THE_SERVER),
    "a bad request": (answer(400, b'{"code":3,"message":"no"}', JSON), Rejected("no")),
    "the key is repeated": (answer(400, b'{"message":"not for s3cret-key"}', JSON), Rejected("not for ***")),
    "a bad request of somebody": (answer(400, b'{"oops":1}', JSON), status(400)),
    "a bad request, as Rotel says it": (answer(400), status(400)),
    "no such path": (answer(404, b'{"code":5,"message":"no"}', JSON), status(404)),
    "401": (answer(401, b"{}", JSON), Pause("the server does not let us in (HTTP 401): check headers")),
    "500": (answer(500, b'{"code":13,"message":"no"}', JSON), status(500)),
    **{str(code): (answer(code, b"{}", {"Retry-After": "7"}), status(code, 7.0)) for code in (429, 502, 503, 504)},
}


@pytest.mark.parametrize(("reply", "outcome"), ANSWERS.values(), ids=ANSWERS)
def test_what_an_answer_means(server: FaultServer, reply: Reply, outcome: Outcome) -> None:
    """By OTLP's specification: partial success is not sent again, 429, 502, 503 and 504 are, when the server says."""
    server.script(reply)
    destination = OpenTelemetry(server.url, {"X-Key": "s3cret-key"})
    assert destination.deliver([end()]) == [outcome]
    destination.close()
    (request,) = server.requests
    assert (request.path, request.headers["x-key"]) == ("/v1/logs", "s3cret-key")


def test_the_one_that_is_refused_is_found(server: FaultServer) -> None:
    """A collector that refuses a request for one record of it: the other ends are delivered."""

    def reply(request: Any, wire: Any) -> None:
        bad = b"-000000000033" in request.body
        answer(400 if bad else 200, b'{"message":"no"}' if bad else b"{}", JSON)(request, wire)

    server.default = reply
    ends = [end(f"00000000-0000-4000-8000-{number:012d}") for number in range(100)]
    outcomes = OpenTelemetry(server.url).deliver(ends)
    assert [number for number, outcome in enumerate(outcomes) if outcome != DELIVERED] == [33]
    assert outcomes[33] == Rejected("no")
    assert len(server.requests) < 20


def test_a_partial_success_of_several_is_said_of_all(server: FaultServer) -> None:
    """Which records it was nobody knows; none is lost silently, and none sent again."""
    server.script(partial(rejectedLogRecords="3", errorMessage="old"))
    outcomes = OpenTelemetry(server.url).deliver([end(), end(), end()])
    assert outcomes == [Rejected("3 of 6 records refused: old")] * 3


@pytest.mark.parametrize(
    ("endpoint", "headers"),
    [("nothing", {}), ("http://collector.example", {}), ("https://x.example", {"a b": "c"}), ("https://x.example", [])],
)
def test_wrong_settings(endpoint: str, headers: Any) -> None:
    """Are said when it is made."""
    with pytest.raises(ConfigurationError, match=r"allowed is|use https"):
        OpenTelemetry(endpoint, headers)


def test_a_collector_in_the_house() -> None:
    """May be reached in the clear, if that is meant."""
    assert isinstance(OpenTelemetry("http://collector.example", allow_insecure=True), OpenTelemetry)


def test_later_is_one_retry_of_many(server: FaultServer) -> None:
    """A server that has enough says so for all of a batch, in one request."""
    server.script(answer(503, b"", {"Retry-After": "9"}))
    assert OpenTelemetry(server.url).deliver([end(), end()]) == [Retry("the server answered HTTP 503", 9.0, True)] * 2
    assert len(server.requests) == 1
