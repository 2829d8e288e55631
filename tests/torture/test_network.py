"""The whole plugin, in a process of its own, through every fault of the network: each end is kept, then delivered once
(or rejected, in the server's own words), and how long a call of the plugin held the game.

`GS_PYGAME_LANES=1` plays one game at a time, so that the times are not each other's doing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from core_kit import DEADLINE, environment, line_of, started, tell

from gs_pygame._disk.accounts import Counts
from gs_pygame._disk.outbox import Outbox

from .counts import LANES
from .network_faults import FAULTS, Certificates, Fault, Server
from .network_game import SECRET

AT_ONCE = min(4, LANES)
"""Games; more of them keep each other waiting."""

SESSIONS = 3
"""Sessions that are played while the fault is on; when it comes back there are two more, of which close() ends one."""

STARTS = 3
"""In which all must be delivered: each ends one session more, whose end a busy machine leaves to the next."""

AFTERWARDS = 11.0
"""Seconds until the process that outlives the game has gone."""

CALLS = ("install", "start_session", "set_player", "end_session", "frame", "status", "flush(0)", "close", "bare call")


@dataclass(frozen=True)
class Outcome:
    """`held`: the queue while the fault was on. `counts`: the outbox in the end. `longest`: see the Game."""

    ids: list[str]
    held: dict[str, Any]
    counts: Counts
    longest: dict[str, float]
    log: str
    server: Server

    def row(self, name: str) -> str:
        ends = f"{self.counts.delivered:>3} + {self.counts.rejected}"
        times = "".join(f"{self.longest[call] * 1e3:14.2f}" for call in CALLS)
        return f"{name:30}{self.server.requests:9}{ends}{times}"


def until(condition: Callable[[], bool], seconds: float = DEADLINE) -> bool:
    """Wait for `condition`; False if it does not come true within `seconds`."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def playing(
    folder: Path, server: Server, fault: Fault, bundle: str, sessions: int
) -> AbstractContextManager[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "torture.network_game", str(folder), server.url, fault.dns, str(sessions)]
    path = os.pathsep.join([environment()["PYTHONPATH"], str(Path(__file__).parents[1])])
    return started(command, PYTHONPATH=path, REQUESTS_CA_BUNDLE=bundle, no_proxy="127.0.0.1,localhost")


def ask(game: subprocess.Popen[str], order: str) -> dict[str, Any]:
    tell(game, order)
    return dict(json.loads(line_of(game)))


def play_through(fault: Fault, folder: Path, certificates: Certificates) -> Outcome:
    """Play while it is on, deliver when it is over, exit while it is on again, and let the rest be delivered."""
    with closing(Server(fault, certificates)) as server:
        server.fail()
        with playing(folder, server, fault, certificates.bundle, SESSIONS) as game:
            assert until(lambda: server.has_failed() or ask(game, "state")["failing"])
            held = ask(game, "state")
            if not fault.for_long:
                server.recover()
                assert ask(game, "over")["flushed"]
                server.fail()
            ask(game, "again")
            left = ask(game, "leave")
            assert game.wait(DEADLINE) == 0
        server.recover()
        ids = left["ids"]
        for _ in range(STARTS):
            if until(lambda ids=ids: server.has_all(ids), AFTERWARDS):
                break
            with playing(folder, server, fault, certificates.bundle, 0) as game:
                assert ask(game, "over")["flushed"]
                ids = ids + ask(game, "leave")["ids"]
        assert until(lambda: server.has_all(ids))
        with closing(Outbox(folder / "outbox.sqlite3")) as outbox:
            assert until(lambda: outbox.counts().ready + outbox.counts().waiting == 0)
            return Outcome(
                ids, held, outbox.counts(), left["longest"], folder.with_name("log").read_text("utf-8"), server
            )


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Outcome]]]:
    """Of the faults whose tests were asked for: a few games at a time, since they mostly wait."""
    base = tmp_path_factory.mktemp("network")
    asked = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    certificates = Certificates(base)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = {}
        for n, (name, fault) in enumerate(FAULTS.items()):
            if name in asked:
                (base / str(n)).mkdir()
                begun[name] = pool.submit(play_through, fault, base / str(n) / "data", certificates)
        yield begun


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault(outcomes: dict[str, Future[Outcome]], name: str) -> None:
    """While it is on, each end is kept or, where the server itself says so, rejected; when it is over, each is
    delivered; and each has come to the server as it was, once but for what the exit cut off."""
    fault, outcome = FAULTS[name], outcomes[name].result()
    server, counts = outcome.server, outcome.counts
    if fault.means == "nothing" and not fault.first_only:
        assert (outcome.held["ready"], outcome.held["rejected"], outcome.held["delivered"]) == (SESSIONS, 0, 0)
    assert {*server.taken} | {*server.refused} == {f"d_{session_id}" for session_id in outcome.ids}
    assert not {*server.taken} & {*server.refused}
    asked_again = name == "error, by @class"  # over a connection of its own, after answers that say whose they are
    assert {*server.refused.values()} <= ({1, 2} if asked_again else {1})
    cut_off = 1  # by the end of a process; so it goes out again
    assert fault.means == "taken" or server.taken.total() - len(server.taken) <= cut_off
    assert bool(server.refused) == (fault.means == "refused")
    assert (counts.delivered, counts.rejected) == (len(server.taken), len(server.refused))
    assert counts.dropped == {}
    assert server.wrong == []
    assert SECRET not in outcome.log
    assert "Traceback" not in outcome.log


def test_how_long_a_call_held_the_game(outcomes: dict[str, Future[Outcome]], report: Callable[[object], None]) -> None:
    """Figures, in milliseconds, not judged here. "bare call" is pygame's own, in the same frames."""
    done = {name: outcome.result() for name, outcome in outcomes.items()}
    lines = [f"\n{'':30} requests  ends" + "".join(f"{call:>14}" for call in CALLS)]
    lines += [outcome.row(name) for name, outcome in done.items()]
    longest = max(
        (outcome.longest[call] * 1e3, call, name)
        for name, outcome in done.items()
        for call in CALLS
        if call != "bare call"
    )
    report("\n".join([*lines, "the longest: {:.2f} ms, {}, {}".format(*longest)]))
