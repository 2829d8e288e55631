"""Games are killed at any moment: every session that began ends at the server, once, with the right length."""

from __future__ import annotations

import random
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from core_kit import DEADLINE

from gs_pygame._disk.outbox import Outbox
from gs_pygame._player.lifecycle import SUSPEND_AFTER

from .counts import COPIES, COPIES_SECONDS, DELIVERER_KILLS, KILLS, LANES, SEED
from .game import Order
from .oracle import Run, Verdict, complaints, judge, last_number, settle
from .recorder import Recorded, Recorder
from .zygote import Zygote

pytestmark = pytest.mark.timeout(
    120 + (20 if sys.platform == "win32" else 2) * (KILLS + DELIVERER_KILLS) + 2 * COPIES_SECONDS
)
CAN_STOP = sys.platform != "win32"
"""Whether there is a SIGSTOP."""

Report = Callable[[object], None]


class Installation:
    """One folder that games are played on, one after the other or several at once."""

    def __init__(self, path: Path, url: str) -> None:
        path.mkdir()
        self.path = path
        self.folder = path / "data"
        self.log = path / "log"
        self.url = url
        self.runs: list[Run] = []
        self._truths: dict[int, Path] = {}

    def order(self, n: int, **more: object) -> Order:
        self._truths[n] = self.path / f"truth-{n}"
        return Order(f"{SEED}/{n}", str(self.folder), self.url, str(self._truths[n]), str(self.log), **more)  # type: ignore[arg-type]

    def gone(self, n: int, said: dict[str, object]) -> None:
        self.runs.append(Run(self._truths[n], said["died"], said["stopped"], said["killed"]))  # type: ignore[arg-type]

    def verdict(self, recorder: Recorder) -> Verdict:
        stuck = settle(self.folder, self.url)
        runs = sorted(self.runs, key=lambda run: run.died)
        verdict = judge(self.folder, runs, self._ends(recorder))
        verdict.wrong += stuck + complaints(self.log)
        return verdict

    def _ends(self, recorder: Recorder) -> dict[str, Recorded]:
        with closing(Outbox(self.folder / "outbox.sqlite3")) as outbox:
            mine = outbox.installation_id
        return {key: end for key, end in recorder.ends.items() if end.session["installationId"] == mine}


def lifetime(chance: random.Random, begun: float) -> float:
    """Seconds until a kill, mostly short: the beginning of a run is when most things happen. One in four falls before a
    session has begun, on a machine that takes `begun` seconds for that."""
    drawn = chance.random()
    return begun * chance.random() if drawn < 0.25 else begun + playtime(chance)


def playtime(chance: random.Random) -> float:
    drawn = chance.random()
    if drawn < 0.2:
        return 0.8 + 3.2 * chance.random()
    return 0.8 * float(chance.random()) ** 2


def test_kills(tmp_path: Path, zygote: Zygote, report: Report) -> None:
    """SIGKILL, or TerminateProcess, at random moments from the process's start on; a few leave in good order, a few are
    whole new Pythons. Sessions begun = ends at the server, each once, numbers without a gap, lengths within a second.
    """
    chance = random.Random(f"{SEED}/kills")
    with Recorder(f"{SEED}/server", faults=0.1, slow=0.004) as recorder:
        lanes = [Installation(tmp_path / f"lane-{n}", recorder.url) for n in range(LANES)]
        places = lanes + lanes[: LANES // 2]  # on these, two play at a time
        playing: dict[int, Installation] = {}
        killed = 0
        begun = first_games(zygote, places)
        for n in range(KILLS + len(places)):
            if n >= len(places):
                said = zygote.gone()
                killed += said["killed"]
                lane = playing.pop(said["n"])
                lane.gone(said["n"], said)
            else:
                lane = places[n]
            if n >= KILLS:
                continue
            leaves, life = "never", lifetime(chance, begun)
            if chance.random() < 0.04:
                leaves = chance.choice(["exit", "close", "os._exit"])
            playing[n] = lane
            order = lane.order(n, leaves=leaves, plays=playtime(chance))
            cold = chance.random() < 0.02
            zygote.start(n, order, None if leaves != "never" else life + 0.3 * cold, cold)
        assert not playing
        verdict = Verdict()
        for lane in lanes:
            verdict.add(lane.verdict(recorder))
        verdict.check_lengths()
        report("\n".join([f"{killed} killed of {KILLS}; {verdict}", *verdict.wrong]))
        assert verdict.wrong == []
        assert verdict.sessions >= KILLS / 4  # else they were killed before they played


def first_games(zygote: Zygote, places: list[Installation]) -> float:
    """Seconds that a game takes to begin a session, and to leave again, with as many at the same time: the median."""
    began, taken = time.monotonic(), []
    for n, lane in enumerate(places, start=KILLS):
        zygote.start(n, lane.order(n, leaves="exit"), None)
    lanes = dict(enumerate(places, start=KILLS))
    for _ in places:
        said = zygote.gone()
        lanes[said["n"]].gone(said["n"], said)
        taken.append(time.monotonic() - began)
    return sorted(taken)[len(taken) // 2]


def test_killed_deliverers(tmp_path: Path, zygote: Zygote, report: Report) -> None:
    """The process that delivers a backlog is killed between any two steps, several at once, again and again: nothing
    is lost, stuck, out of order or changed, and nothing is there twice."""
    chance = random.Random(f"{SEED}/deliverers")
    with Recorder(f"{SEED}/server", slow=0.003) as recorder:
        installation = Installation(tmp_path / "one", recorder.url)
        outbox = Outbox(installation.folder / "outbox.sqlite3")
        wanted = backlog(outbox, 30)
        enough = 60 + DELIVERER_KILLS  # ends, so that most are killed while they deliver
        n = killed = alive = arrived = 0
        kinds: dict[int, str] = {}
        gone: Counter[tuple[str, bool]] = Counter()  # by kind, and whether it was killed
        begun = at_first = first_delivery(zygote, installation.order(0, what="deliver"), recorder)
        while alive or killed < DELIVERER_KILLS or len(wanted) < enough:
            while outbox.counts().ready < 30:
                wanted += backlog(outbox, 30)
            if alive < 3 and (killed < DELIVERER_KILLS or len(wanted) < enough):
                n += 1
                kinds[n] = chance.choice(["deliver", "deliver", "play"])
                zygote.start(n, installation.order(n, what=kinds[n]), begun * (0.1 + 3 * chance.random()))
                alive += 1
                continue
            said = zygote.gone()
            alive -= 1
            kind, was_killed = kinds.pop(said["n"]), said["killed"]
            gone[kind, was_killed] += 1
            killed += was_killed
            begun *= 1.05 if len(recorder.ends) == arrived else 0.98  # the pace of the machine changes meanwhile
            begun = min(at_first, max(at_first / 2, begun))  # else all might live, or none might deliver
            arrived = len(recorder.ends)
        stuck = settle(installation.folder, recorder.url)
        counts = outbox.counts()
        outbox.close()
        known = set(wanted)
        came = arrivals(recorder, known)
        repeats = sum(end.repeats for end in recorder.ends.values())
        report(
            f"{gone['deliver', True]} deliverers killed of {gone['deliver', True] + gone['deliver', False]}, "
            f"{gone['play', True]} games of {gone['play', True] + gone['play', False]}; {len(wanted)} ends, "
            f"{len(known - set(came))} lost, {len(came) - len(set(came))} doubled in effect, "
            f"{repeats} repeated for want of a receipt"
        )
        assert stuck == []
        assert came == wanted
        assert counts.delivered == len(recorder.ends) == last_number(installation.folder)[0]
        assert not any(end.changed for end in recorder.ends.values())
        assert repeats <= killed
        assert gone["deliver", True] >= DELIVERER_KILLS // 100  # else all left before their turn to be killed
        assert complaints(installation.log) == []


def test_killed_deliverers_to_two(tmp_path: Path, zygote: Zygote, report: Report) -> None:
    """As above to two servers, the second of which is away until half of them are killed: each has every end once, and
    the first waits for nothing."""
    chance = random.Random(f"{SEED}/two")
    with Recorder(f"{SEED}/first", slow=0.003) as first, Recorder(f"{SEED}/second", slow=0.003) as second:
        installation = Installation(tmp_path / "one", f"{first.url} {second.url}")
        outbox = Outbox(installation.folder / "outbox.sqlite3")
        wanted = backlog(outbox, 30)
        second.server.down()
        n = killed = alive = 0
        begun = first_delivery(zygote, installation.order(0, what="deliver"), first)
        is_away = True
        while alive or killed < DELIVERER_KILLS:
            while outbox.counts().share("gamesparks").ready < 30:
                wanted += backlog(outbox, 30)
            if alive < 3 and killed < DELIVERER_KILLS:
                n += 1
                what = chance.choice(["deliver", "deliver", "play"])
                zygote.start(n, installation.order(n, what=what), begun * (0.1 + 3 * chance.random()))
                alive += 1
                continue
            killed += zygote.gone()["killed"]
            alive -= 1
            if is_away and killed >= DELIVERER_KILLS // 2:
                ahead = len(first.ends)
                assert (ahead > 0, len(second.ends)) == (True, 0)
                second.server.up()
                is_away = False
        stuck = settle(installation.folder, installation.url)
        counts = outbox.counts()
        outbox.close()
        at_each = [arrivals(recorder, set(wanted)) for recorder in (first, second)]
        repeats = [sum(end.repeats for end in recorder.ends.values()) for recorder in (first, second)]
        report(
            f"{killed} deliverers killed of {n}; {len(wanted)} ends, of which the first had {ahead} before the second "
            f"was there; {[len(set(wanted) - set(ids)) for ids in at_each]} lost, "
            f"{[len(ids) - len(set(ids)) for ids in at_each]} doubled in effect, {repeats} repeated"
        )
        assert stuck == []
        assert at_each == [wanted, wanted]
        assert counts.delivered == len(first.ends) == len(second.ends) == last_number(installation.folder)[0]
        assert complaints(installation.log) == []


def arrivals(recorder: Recorder, known: set[str]) -> list[str]:
    """The sessions of these that came, in order."""
    in_order = [end.session["id"] for end in sorted(recorder.ends.values(), key=lambda end: end.at)]
    return [session_id for session_id in in_order if session_id in known]


def first_delivery(zygote: Zygote, order: Order, recorder: Recorder) -> float:
    """Seconds that a deliverer takes to its first end, on this machine and now; this one lives, and ends by itself."""
    began = time.monotonic()
    zygote.start(0, order, None)
    while not recorder.ends:
        assert time.monotonic() < began + DEADLINE
        time.sleep(0.005)
    took = time.monotonic() - began
    zygote.gone()
    return took


def backlog(outbox: Outbox, count: int) -> list[str]:
    """Ends that are ready to go; their ids in order."""
    ids = [str(uuid.uuid4()) for _ in range(count)]
    with outbox.transaction():
        for session_id in ids:
            outbox.start("run", session_id, 1_800_000_000.0, None, "{}", "{}", None)
            outbox.save(session_id, "quit", 60.0, 60.0, "{}")
            outbox.release(session_id)
    return ids


def test_copies(tmp_path: Path, zygote: Zygote, report: Report) -> None:
    """Copies of one game on one folder, stopped, continued and killed at random and started again, while the server
    comes and goes: nobody living is taken for dead, and all sessions are at the server once, without the time that
    their game was stopped for long."""
    chance = random.Random(f"{SEED}/copies")
    with Recorder(f"{SEED}/server", faults=0.1, slow=0.01) as recorder:
        installation = Installation(tmp_path / "one", recorder.url)
        until = time.monotonic() + COPIES_SECONDS
        outages = threading.Thread(target=come_and_go, args=(recorder, random.Random(f"{SEED}/outages"), until))
        outages.start()
        n = alive = killed = stopped = 0
        while alive or n == 0:
            while time.monotonic() < until and alive < COPIES:
                leaves = "never" if chance.random() < 0.9 else chance.choice(["exit", "close", "os._exit"])
                life = 0.3 + chance.random() ** 2 * min(20.0, COPIES_SECONDS / 2)
                order = installation.order(n, leaves=leaves, plays=life)
                stop = stop_of(chance, life) if CAN_STOP else None
                if stop:
                    stopped += 1
                    life += stop[1] * (chance.random() < 0.7)  # else it may be killed while it is stopped
                zygote.start(n, order, None if leaves != "never" else life, stop=stop)
                n, alive = n + 1, alive + 1
            said = zygote.gone()
            installation.gone(said["n"], said)
            killed += said["killed"]
            alive -= 1
        outages.join()
        verdict = installation.verdict(recorder)
        verdict.check_lengths()
        report(
            f"{COPIES} copies for {COPIES_SECONDS} s, {killed} killed and {stopped} stopped of {n}; {verdict}"
            + "".join(f"\n{wrong}" for wrong in verdict.wrong)
        )
        assert verdict.wrong == []


def stop_of(chance: random.Random, life: float) -> tuple[float, float] | None:
    """When to stop a copy that lives so long, and for how long: a third of them, where there is time for it also for
    longer than a suspend is told by. In between, the last heartbeat decides, and no oracle knows that."""
    if chance.random() > 1 / 3:
        return None
    long = COPIES_SECONDS >= 30 and chance.random() < 0.5
    at = 0.3 + chance.random() * life
    if long:
        return at, SUSPEND_AFTER + 0.5 + 3 * chance.random()
    return at, min(SUSPEND_AFTER - 1.3, COPIES_SECONDS / 5) * chance.random()


def come_and_go(recorder: Recorder, chance: random.Random, until: float) -> None:
    """The server is away for a while now and then."""
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 3 * chance.random()))
        recorder.server.down()
        time.sleep(min(max(0.0, until - time.monotonic()), 1.5 * chance.random()))
        recorder.server.up()
