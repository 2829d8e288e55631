"""Junk from the server, from the disk and from the author: no exception gets into the game, and no queue stands still.

FakeClock has the workers' turns in the test's own thread, so whatever one of them raises fails the test.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import uuid
import zlib
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, seed, settings
from hypothesis import strategies as st

from gs_pygame._base.clocks import Backoff
from gs_pygame._base.errors import ConfigurationError
from gs_pygame._base.patience import PAUSE
from gs_pygame._delivery.courier import Courier
from gs_pygame._disk.outbox import Outbox
from gs_pygame._disk.rows import response_of
from gs_pygame._disk.runs import _BODY, _CHECKSUM, _MAGIC, _decode
from gs_pygame._settings import Settings
from gs_pygame.destinations import Delivered, GameSparks, Outcome, Pause, Rejected, Retry
from gs_pygame.destinations._http import Answer
from gs_pygame.destinations.gamesparks import request_of
from gs_pygame.testing import FakeClock, FakeDestination, Player

from .counts import FUZZ, SEED

pytestmark = pytest.mark.timeout(120 + FUZZ // 10)

ID = "00000000-0000-4000-8000-000000000001"
GOOD = "00000000-0000-4000-8000-000000000002"

EMPTY = Outbox(None)
"""Copied into the one of a case, since making tables takes longer than a case."""


@pytest.fixture(scope="module")
def memory() -> Outbox:
    """An outbox that each case empties."""
    return Outbox(None)


@pytest.fixture(scope="module")
def unused(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of an outbox that holds nothing yet."""
    path = tmp_path_factory.mktemp("unused") / "outbox.sqlite3"
    with closing(Outbox(path)) as outbox:
        outbox._database.read("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()


def cases(share: float = 1.0) -> Any:
    """So many cases, from the seed. `share`: less where a case takes long; on average 1."""
    made = settings(
        max_examples=max(1, round(FUZZ * share)),
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: seed(SEED)(made(test))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "@class": st.sampled_from([".EndSessionResponse", ".LogEventResponse"]) | anything,
        "requestId": st.just(f"d_{ID}") | anything,
        "error": anything,
        "sessionDuration": anything,
        "scriptData": anything,
    },
)
statuses = st.sampled_from([200, 200, 200, 204, 302, 400, 401, 403, 404, 408, 429, 500, 503]) | st.integers()
retry_after = st.none() | st.text(max_size=30) | st.floats().map(str) | st.dates().map(str)


def deep(levels: int, where: str) -> bytes:
    """An answer that nests so deep."""
    told = f'"requestId":"d_{ID}","@class":".EndSessionResponse"'
    return f'{{{told},"{where}":{{"a":{"[" * levels}{"]" * levels}}}}}'.encode()


bodies = (
    st.binary(max_size=200)
    | fields.map(lambda value: json.dumps(value).encode())
    | st.builds(deep, st.integers(0, 30_000), st.sampled_from(["scriptData", "error", "sessionDuration"]))
)


@cases()
@given(statuses, retry_after, bodies)
@example(200, None, deep(950, "scriptData"))
@example(200, None, deep(980, "scriptData"))
@example(400, None, deep(980, "error"))
@example(200, "1" * 5000, b'{"@class":".EndSessionResponse","sessionDuration":' + b"9" * 4000 + b"}")
def test_any_reply_has_an_outcome_that_the_outbox_takes(
    memory: Outbox, status: int, after: str | None, body: bytes
) -> None:
    """A closed set of outcomes and no exception, from any answer; the end is settled, or kept for a later try."""
    gamesparks = GameSparks("http://127.0.0.1:9", "secret")

    class Once(FakeDestination):
        def deliver(self, ends: Any) -> list[Outcome]:
            self.outcome = gamesparks.outcome_of(Answer(status, after, body), ends[0].request_id)
            return [self.outcome]

    destination = Once()
    EMPTY._database.connection.backup(memory._database.connection)
    memory.start("run", ID, 0.0, None, "{}", "{}", None)
    memory.save(ID, "quit", 1.0, 1.0, "{}")
    memory.release(ID)
    courier = Courier(
        memory, destination, FakeClock(), Backoff(lambda: 0.5), None, lambda: True, lambda receipt: None, lambda: None
    )
    delay = courier.turn()
    assert delay is not None
    assert 0 <= delay <= PAUSE
    outcome = destination.outcome
    assert isinstance(outcome, (Delivered, Rejected, Pause, Retry))
    if isinstance(outcome, Delivered):
        json.dumps(outcome.response.script_data, allow_nan=False, ensure_ascii=False).encode()
    counts = memory.counts()
    settled = (isinstance(outcome, Delivered), isinstance(outcome, Rejected), isinstance(outcome, (Pause, Retry)))
    assert (counts.delivered, counts.rejected, counts.ready) == settled
    assert len(memory.untold()) == counts.delivered


def below(frames: int, kept: str) -> object:
    """What is read of a receipt from further down the stack."""
    return below(frames - 1, kept) if frames else response_of(kept)


@pytest.mark.parametrize("where", ["scriptData", "error"])
def test_an_answer_as_deep_as_python_reads_can_be_kept(where: str) -> None:
    """Some levels below the depth that Python's reader gives up at, its writer does: no end may hang on that."""
    gamesparks = GameSparks("http://127.0.0.1:9", "secret")
    for levels in range(900, 1000):
        outcome = gamesparks.outcome_of(Answer(200, None, deep(levels, where)), f"d_{ID}")
        if isinstance(outcome, Delivered):
            kept = outcome.response.to_json()
            assert below(20, kept) == outcome.response


junk = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.binary(max_size=20)
    | st.sampled_from(["{}", "[]", "null", "NaN", '{"a":', '{"session":1}', "0", "quit", ID, "9" * 5000, "[" * 90_000])
    | st.binary(max_size=8).map(lambda data: Raw(data))
)


class Raw(bytes):
    """Bytes that are stored as text, UTF-8 or not."""


def end_row(**junk: Any) -> dict[str, Any]:
    return {
        "session_id": ID,
        "run": "run",
        "state": "ready",
        "bytes": 300,
        "told": 0,
        "number": 1,
        "previous_id": None,
        "player_id": "ada",
        "started_at": 1.8e9,
        "active": 1.0,
        "wall": 2.0,
        "reason": "quit",
        "script_data": "{}",
        "about": "{}",
        "answer": None,
        "counters": "{}",
        **junk,
    }


def record_row(**junk: Any) -> dict[str, Any]:
    """What the destination has of the planted end."""
    return {
        "destination": "fake",
        "number": 1,
        "session_id": ID,
        "state": "ready",
        "place": 1,
        "passes": 0,
        "strikes": 0,
        "answer": None,
        **junk,
    }


ends = st.dictionaries(st.sampled_from(sorted(end_row())), junk, min_size=1, max_size=4).map(lambda j: end_row(**j))
states = st.sampled_from(["ready", "ready", "ready", "open", "waiting", "delivered", "rejected"])
ends = st.builds(lambda row, state: {**row, "state": state}, ends, states)
METAS = ["floor", "destinations", "lines", "delivered", "rejected", "dropped:full", "dropped:"]
METAS += ["to:fake:delivered", "to:fake:tried", "to::"]
metas = st.fixed_dictionaries(
    {
        "key": st.sampled_from(
            [
                "floor",
                "destinations",
                "to:fake:delivered",
                "to:fake:tried",
                "to::",
                "delivered",
                "rejected",
                "dropped:full",
                "dropped:",
            ]
        )
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(lambda text: f"dropped:{text}"),
        "value": junk,
    }
)
records = st.dictionaries(st.sampled_from(sorted(record_row())), junk, max_size=4).map(lambda j: record_row(**j))
of_the_good = st.dictionaries(st.sampled_from(["place", "passes", "strikes", "answer"]), junk).map(
    lambda j: record_row(number=2, session_id=GOOD, **j)
)
rows = st.lists(
    st.tuples(st.just("sessions"), ends)
    | st.tuples(st.just("meta"), metas)
    | st.tuples(st.just("progress"), records | of_the_good),
    min_size=1,
    max_size=3,
)


def plant(path: Path, planted: list[tuple[str, dict[str, Any]]]) -> None:
    """Write rows into the outbox, past its own rules as far as SQLite goes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        for table, row in planted:
            marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, Raw) else "?" for value in row.values())
            values = [bytes(value) if isinstance(value, Raw) else value for value in row.values()]
            with suppress(sqlite3.IntegrityError):  # NULL where the table takes none
                db.execute(f"INSERT OR REPLACE INTO {table} ({', '.join(row)}) VALUES ({marks})", values)
        db.execute("COMMIT")


@cases(0.6)
@given(rows)
@example([("sessions", end_row(script_data=b"\xff"))])
@example([("progress", record_row(number=2, session_id=GOOD, strikes="many"))])
@example([("progress", record_row(state="sent")), ("sessions", end_row())])
@example([("sessions", end_row(script_data="[]"))])
@example([("sessions", end_row(player_id=Raw(b"\xff")))])
@example([("sessions", end_row(session_id=Raw(b"\xff")))])
@example([("sessions", end_row(started_at=b"long ago"))])
@example([("sessions", end_row(active=-1.0))])
@example([("sessions", end_row(active=9.0, wall=1.0))])
@example([("sessions", end_row(wall=float("inf")))])
@example([("sessions", end_row(state="delivered", answer="junk"))])
@example([("sessions", end_row(state="delivered", answer=None, told=0))])
@example([("sessions", end_row(bytes="many"))])
@example([("sessions", end_row(state="open", session_id=Raw(b"\xff")))])
@example([("sessions", end_row(state="open", script_data=b"\xff"))])
@example([("meta", {"key": "dropped:full", "value": b"\xff"})])
@example([("meta", {"key": "delivered", "value": "many"})])
@example([("meta", {"key": "floor", "value": b"\xff"})])
@example([("meta", {"key": "floor", "value": 2**63 - 1})])
@example([("meta", {"key": "line", "value": Raw(b"\xff")})])
@example([("sessions", end_row(number=2**63 - 1))])
@example([("meta", {"key": "installation_id", "value": Raw(b"\xff")})])
@example([("meta", {"key": "installation_id", "value": b"\xff"})])
def test_hostile_rows_hold_up_nobody(tmp_path: Path, unused: bytes, planted: list[tuple[str, dict[str, Any]]]) -> None:
    """Rows of any content lie before a good one: nothing raises, the good one is delivered, and so is the session
    that is played meanwhile; what makes no sense is set aside and can be seen."""
    folder = tmp_path / "data"
    shutil.rmtree(folder, ignore_errors=True)  # of the case before
    folder.mkdir()
    (folder / "outbox.sqlite3").write_bytes(unused)
    plant(folder / "outbox.sqlite3", [*planted, ("sessions", end_row(session_id=GOOD, number=2))])
    told = []
    player = Player(frame=lambda: None)
    chosen = Settings(data_dir=folder, hook=False, on_delivered=lambda session, response: told.append(session.id))
    with player.plugin(chosen) as plugin:
        player.clock.advance(2)
        plugin.update()
        plugin.status()
        assert plugin.session is not None
        mine = plugin.session.id
        plugin.end_session({"a": 1})
        plugin.start_session()
        player.clock.advance(10)
        plugin._tell()
        status = plugin.status()
        assert plugin.flush(0)
    assert status.durable
    sent = [end.session_id for end in player.ends]
    assert sent.count(GOOD) == sent.count(mine) == 1
    assert {GOOD, mine} <= set(told)
    for end in player.destination.attempts:
        json.dumps(request_of(end), allow_nan=False)
        assert end.active >= 0


def record(magic: bytes, session: bytes, active: int, wall: int) -> bytes:
    """A run file with a right checksum, whatever it says."""
    body = _BODY.pack(magic, session, active, wall)
    return body + _CHECKSUM.pack(zlib.crc32(body))


crafted = st.builds(
    record,
    st.just(_MAGIC) | st.binary(min_size=4, max_size=4),
    st.just(uuid.UUID(ID).bytes) | st.binary(min_size=16, max_size=16),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
)


@cases(1.4)
@given(st.binary(max_size=80) | crafted)
@example(record(_MAGIC, uuid.UUID(ID).bytes, 2**64 - 1, 0))
@example(record(_MAGIC, uuid.UUID(ID).bytes, 2**64 - 1, 2**64 - 1))
def test_any_run_file_leaves_an_end_that_can_be_sent(memory: Outbox, content: bytes) -> None:
    """Whatever a dead run's file holds, its session ends, at a length that is one."""
    EMPTY._database.connection.backup(memory._database.connection)
    memory.start("run", ID, 1.8e9, None, "{}", "{}", None)
    assert memory.recover("run", _decode(content)) == 1
    (end,) = memory.ready(2)
    assert 0 <= end.active <= end.wall
    json.dumps(request_of(end), allow_nan=False)


given_values = (
    anything | st.binary(max_size=8) | st.just(len) | st.sampled_from(["ms", "s", "focus", "https://a.b", 30])
)
names = [name for name in Settings.__dataclass_fields__ if name != "enabled"]
variables = ["ENDPOINT", "API_KEY", "SECRET", "PLAYER_ID", "DATA_DIR", "BACKGROUND_GRACE", "DISABLED"]


@cases()
@given(
    st.dictionaries(st.sampled_from(names), given_values),
    st.dictionaries(st.sampled_from([f"GS_PYGAME_{name}" for name in variables]), st.text(max_size=12)),
)
def test_any_settings_are_right_or_say_what_is_wrong(chosen: dict[str, Any], environment: dict[str, str]) -> None:
    """ConfigurationError, which names a setting, or settings that a destination can be made of."""
    said = None
    sound = {"app": "A", "author": "B", "endpoint": "https://sessions.example.com"}
    try:
        resolved = Settings(**{**sound, **chosen}).resolved(environment)
        if resolved.enabled:
            resolved.validate()
            _ = resolved.gamesparks
            assert resolved.folder
            resolved.differing(Settings())
    except ConfigurationError as error:
        said = str(error)
    assert said is None or any(name in said for name in (*names, "BACKGROUND_GRACE"))
