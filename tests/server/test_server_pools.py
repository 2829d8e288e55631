"""Threads: a flood of logins leaves scripts theirs, one of scripts leaves logins theirs, and both leave ends theirs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from server_kit import DEADLINE, PATH, end, eventually, listening

from gs_pygame.server import _limits, create_app, open_store
from gs_pygame.server._cloud_code import CloudCode, Outcome
from gs_pygame.server._pools import AT_ONCE, PASSWORD, SCRIPT
from gs_pygame.server._protocol import RequestError
from gs_pygame.server._requests import Requests

FLOOD = 60
"""More than all threads that the event loop has for everybody."""

Ask = Callable[[str], httpx.Response]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """A server at which LogEventRequest goes through a script, and no other."""
    monkeypatch.setattr(_limits, "LEAST", 2 * FLOOD)  # none is shed
    folder = tmp_path / "cloud"
    folder.mkdir()
    (folder / "LogEventRequest.js").write_text("1;")
    with (
        closing(open_store(f"sqlite:///{tmp_path / 'sessions.sqlite3'}")) as store,
        closing(CloudCode(folder)) as cloud_code,
        listening(create_app(store, cloud_code=cloud_code)) as address,
        httpx.Client(base_url=address, timeout=DEADLINE, trust_env=False, limits=httpx.Limits()) as client,
    ):

        def asked(name: str) -> httpx.Response:
            words = {"userName": "ada", "password": "p", "eventKey": "LEVEL"}
            body = end(**{"@class": f".{name}", **words})
            return client.post(PATH.replace("EndSessionRequest", name), json=body)

        yield asked


@contextmanager
def flood(ask: Ask, name: str, begun: list[int], kind: str, go_on: threading.Event) -> Iterator[None]:
    """So many of these requests under way that no thread of their kind is left."""
    with ThreadPoolExecutor(FLOOD) as clients:
        answers = [clients.submit(ask, name) for _ in range(FLOOD)]
        try:
            eventually(lambda: len(begun) == AT_ONCE[kind])
            yield
            assert len(begun) == AT_ONCE[kind]
        finally:
            go_on.set()
        assert {answer.result(DEADLINE).status_code for answer in answers} == {200}


def test_logins_leave_scripts_their_threads(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    go_on = threading.Event()

    def slow(*_: Any) -> Any:
        begun.append(1)
        assert go_on.wait(DEADLINE)
        raise RequestError({"DETAILS": "UNRECOGNISED"})

    monkeypatch.setattr(Requests, "_player_with_password", slow)
    with flood(ask, "AuthenticationRequest", begun, PASSWORD, go_on):
        assert ask("LogEventRequest").status_code == 200
        assert ask("EndSessionRequest").status_code == 200


def test_scripts_leave_logins_their_threads(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    go_on = threading.Event()

    def slow(*_: Any) -> Outcome:
        begun.append(1)
        assert go_on.wait(DEADLINE)
        return Outcome({}, None, False, [])

    monkeypatch.setattr(CloudCode, "run", slow)
    with flood(ask, "LogEventRequest", begun, SCRIPT, go_on):
        assert ask("RegistrationRequest").json()["userId"]
        assert ask("AuthenticationRequest").json()["userId"]
        assert ask("EndSessionRequest").status_code == 200
