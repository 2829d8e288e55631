"""Who writes what has been decided, when two threads could."""

from __future__ import annotations

import threading
from pathlib import Path

from core_kit import DEADLINE

from gs_pygame._base.clocks import Instant
from gs_pygame._disk.journal import Journal
from gs_pygame._disk.outbox import Outbox
from gs_pygame._player.lifecycle import Lifecycle

NOW = Instant(1.8e9, 10.0, 20.0)


def test_a_frame_waits_for_a_thread_that_is_writing(tmp_path: Path) -> None:
    """As long as it may: then all is on disk when its call returns. A game that ends sessions in a tight loop would run
    ahead of the keeper, and a kill take what is in line."""
    writing, go_on = threading.Event(), threading.Event()
    outbox = Outbox(tmp_path / "outbox.sqlite3")
    journal = Journal(
        "run", "{}", Lifecycle(30.0, lambda: "s1"), threading.RLock(), lambda session_id: None, lambda: None
    )

    def keepers() -> Outbox:
        writing.set()
        assert go_on.wait(DEADLINE)
        return outbox

    journal.decide(lambda lifecycle: lifecycle.start(NOW), "{}", None)
    keeper = threading.Thread(target=lambda: journal.write(keepers))
    keeper.start()
    assert writing.wait(DEADLINE)
    journal.decide(lambda lifecycle: lifecycle.exit("quit", NOW), "{}", None)
    assert not journal.write(lambda: outbox, 0.001)
    threading.Timer(0.01, go_on.set).start()
    assert journal.write(lambda: outbox, DEADLINE)
    assert [end.session_id for end in outbox.ready(2)] == ["s1"]
    keeper.join(DEADLINE)
