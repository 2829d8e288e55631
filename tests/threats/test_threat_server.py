"""A server that means harm: nothing raises into the game, nothing senseless is told to it, and no end is lost."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gs_pygame import EndSessionResponse, Session, SessionPlugin
from gs_pygame._settings import Settings
from gs_pygame.testing import FaultServer, Reply, Request, Wire, replies

DEADLINE = 20.0
SOON = 0.3
"""Seconds in which an answer that settles nothing has done what it does."""


def body(text: str | Callable[[str], str]) -> Reply:
    """Whatever JSON, or nearly JSON; a function is told the requestId."""

    def reply(request: Request, wire: Wire) -> None:
        said = text if isinstance(text, str) else text(request.json["requestId"])
        replies.answer(200, said.encode("utf-8", "surrogatepass"), {"Content-Type": "application/json"})(request, wire)

    return reply


def ours(fields: str) -> Reply:
    """An answer to our request, with these fields as well."""
    return body(lambda request_id: f'{{"@class": ".EndSessionResponse", "requestId": "{request_id}", {fields}}}')


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


SETTLES: dict[str, Reply] = {
    "NaN in it": ours('"sessionDuration": NaN, "scriptData": {"a": NaN, "b": [-Infinity]}'),
    "numbers beyond any": ours('"sessionDuration": 1e400, "scriptData": {"a": 1e400, "b": ' + "9" * 400 + "}"),
    "a length of 400 digits": ours('"sessionDuration": ' + "9" * 400),
    "a length below 0": ours('"sessionDuration": -1e308'),
    "halves of surrogates": ours('"scriptData": {"\\ud800": "\\udfff"}'),
    "halves of surrogates, as bytes": ours('"scriptData": {"a": "\ud800"}'),
    "keys twice": ours('"sessionDuration": "x", "sessionDuration": 5, "scriptData": 1, "scriptData": {"a": 1}'),
    "nested deeply": ours(f'"scriptData": {deep(300)}'),
    "as deep as Python reads": ours(f'"scriptData": {deep(900)}'),
    "wrong types": ours('"sessionDuration": [1], "scriptData": "x", "error": 0'),
    "wrong types, again": ours('"sessionDuration": true, "scriptData": null, "error": []'),
    "keys of Python's": ours('"scriptData": {"__class__": "x", "__reduce__": []}'),
    "60 KB of it": ours('"scriptData": {"a": "' + "x" * 60_000 + '"}'),
    "an endless error": ours('"error": {"a": "' + "\\ud800" * 5000 + '"}'),
    "an error of another kind": ours('"error": 1e400'),
}

KEEPS: dict[str, Reply] = {
    "5 GB announced": replies.endless(5 * 2**30),
    "a gzip bomb": replies.gzip_bomb(50 * 2**20),
    "5000 digits": ours('"sessionDuration": ' + "9" * 5000),
    "a requestId twice": body(lambda request_id: f'{{"requestId": "{request_id}", "requestId": "d_other"}}'),
    "a requestId that is an object": body('{"@class": ".EndSessionResponse", "requestId": {"a": 1}}'),
    "a list of answers": body(lambda request_id: f'[{{"requestId": "{request_id}"}}]'),
    "brackets": body("[" * 60_000),
    "an endless header": replies.endless_header,
}


def assert_sane(session: Session, response: EndSessionResponse) -> None:
    """What any game's code can work with: to be shown, stored, and sent on as JSON."""
    duration = response.session_duration
    assert duration is None or (type(duration) is int and 0 <= duration < 2**63)
    assert type(response.script_data) is dict
    json.dumps(response.script_data, allow_nan=False, ensure_ascii=False).encode()
    assert session.id
    assert session.active >= 0


class Game:
    """Plays with the whole plugin, over real sockets; all that it is told is looked at."""

    def __init__(self, folder: Path, url: str) -> None:
        self.told: list[str] = []
        self.plugin = SessionPlugin(
            Settings(
                endpoint=url,
                secret="secret",
                data_dir=folder,
                hook=False,
                on_delivered=self._delivered,
                exit_delivery="next-start",
            ),
            focused=lambda: True,
        )

    def _delivered(self, session: Session, response: EndSessionResponse) -> None:
        self.told.append(session.id)
        assert_sane(session, response)  # what it raises is logged

    def ends_a_session(self) -> str:
        session = self.plugin.session
        assert session is not None
        self.plugin.end_session()
        self.plugin.start_session()
        return session.id

    def waits_for(self, condition: Callable[[Any], bool]) -> None:
        """Play on until the status says so."""
        give_up = time.monotonic() + DEADLINE
        while not condition(self.plugin.status()):
            assert time.monotonic() < give_up, self.plugin.status()
            self.plugin.update()
            self.plugin.flush(0.05)


@pytest.mark.parametrize("answer", SETTLES)
def test_an_answer_that_settles_it(tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: str) -> None:
    """It is delivered or rejected at once, what makes no sense in it left out; the next end goes as well, and a later
    start reads what was kept."""
    with FaultServer() as server:
        server.script(SETTLES[answer])
        game = Game(tmp_path / "data", server.url)
        first = game.ends_a_session()
        game.waits_for(lambda status: len(game.told) + status.rejected == 1)
        second = game.ends_a_session()
        game.waits_for(lambda status: len(game.told) + status.rejected == 2)
        rejected = game.plugin.status().rejected
        game.plugin.close()
        assert game.told == ([second] if rejected else [first, second])
        assert [request.json["requestId"] for request in server.requests][:2] == [f"d_{first}", f"d_{second}"]
        later = Game(tmp_path / "data", server.url)
        later.waits_for(lambda status: status.delivered == 3 - rejected)
        later.plugin.close()
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("answer", KEEPS)
def test_an_answer_that_settles_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: str) -> None:
    """The end is kept, and delivered once as soon as the server is itself again."""
    with FaultServer(default=KEEPS[answer]) as server:
        game = Game(tmp_path / "data", server.url)
        ended = game.ends_a_session()
        game.plugin.flush(SOON)
        assert server.wait_for(1)
        assert game.told == []
        assert game.plugin.status().ready == 1
        server.default = replies.verified()
        game.waits_for(lambda status: game.told == [ended])
        game.plugin.close()
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []
