"""Ends of one moment in one commit: what it saves, and that no end pays for another's fault."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from server_kit import end
from sqlalchemy.exc import DataError, OperationalError

from gs_pygame.server import Store
from gs_pygame.server._json import JSON
from gs_pygame.server._protocol import parse_request, response
from gs_pygame.server._recorder import TOGETHER, Recorder
from gs_pygame.server._store import Pair


def record_all(recorder: Recorder, names: list[str]) -> list[Any]:
    """What each of these ends, come at once, was answered, or what was raised."""

    async def all_at_once() -> list[Any]:
        requests = [parse_request(end(name)) for name in names]
        calls = [recorder.record(request, response(request)) for request in requests]
        return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(all_at_once())


@pytest.fixture
def commits(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many ends each commit was asked to take."""
    sizes: list[int] = []
    take = store.record_all

    def counted(pairs: list[Pair]) -> list[JSON]:
        sizes.append(len(pairs))
        return take(pairs)

    monkeypatch.setattr(store, "record_all", counted)
    return sizes


def test_what_comes_at_once_is_one_commit(store: Store, commits: list[int]) -> None:
    """Up to a bound; each end has its own answer."""
    names = [f"r{number}" for number in range(TOGETHER + 10)]
    answers = record_all(Recorder(store), names)
    assert [answer["requestId"] for answer in answers] == names
    assert commits == [TOGETHER, 10]
    assert store.totals().sessions == len(names)


def test_repeats_among_new_ones(store: Store) -> None:
    """What was there is answered as it was, and so is what comes twice in one commit; the new one has its own."""
    known, new = parse_request(end("a")), parse_request(end("b"))
    store.record(known, {"first": "a"})
    own = {"first": "b"}
    answers = store.record_all([(known, {"second": "a"}), (new, own), (new, {"second": "b"})])
    assert answers == [{"first": "a"}, own, own]
    assert [answer is own for answer in answers] == [False, True, False], "by which it is known what was recorded now"
    assert store.totals().sessions == 2


def test_what_the_database_will_not_have_harms_nobody_else(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one fails alone."""
    take = store.record_all

    def picky(pairs: list[Pair]) -> list[JSON]:
        if any(request.request_id == "poison" for request, _ in pairs):
            raise DataError("INSERT", {}, Exception("invalid"))
        return take(pairs)

    monkeypatch.setattr(store, "record_all", picky)
    answers = record_all(Recorder(store), ["a", "poison", "b"])
    assert [type(answer) for answer in answers] == [dict, DataError, dict]
    assert store.totals().sessions == 2


def test_a_database_that_is_gone_is_asked_once_a_batch(
    store: Store, commits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All fail, none is acknowledged; when it is back the next ones are taken."""
    recorder = Recorder(store)
    with monkeypatch.context() as gone:

        def fail(pairs: list[Pair]) -> list[JSON]:
            commits.append(len(pairs))
            raise OperationalError("BEGIN", {}, Exception("no connection"))

        gone.setattr(store, "record_all", fail)
        assert all(isinstance(answer, OperationalError) for answer in record_all(recorder, ["a", "b", "c"]))
    assert commits == [3]
    assert [type(answer) for answer in record_all(recorder, ["a"])] == [dict]
    assert store.totals().sessions == 1
