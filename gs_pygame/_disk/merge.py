"""What was recorded elsewhere, in memory or in files that were replaced or removed, is recorded where it belongs.

Several copies of the game may do this with the same rows at the same time: a session is known by its id, and of two
rows of it the one that is further along holds.
"""

from __future__ import annotations

from typing import Any

from .outbox import Outbox
from .rows import response_of

_WAY = {state: far for far, state in enumerate(("open", "waiting", "ready", "rejected", "delivered"))}


def bring_home(old: Outbox, run_there: str, outbox: Outbox, run: str) -> None:
    """All that `old` holds is in `outbox`, but what is open: that is its own run's journal's to enter again.

    Into an older copy of the same file rows come as they are, with their numbers. Elsewhere it is as if the sessions
    had ended there; what was delivered is a matter of the files that are gone, unless those were memory.
    """
    installation = old.installation_id
    same = old.durable and installation == outbox.installation_id
    with outbox.transaction():
        here = {row["session_id"]: row for row in outbox.rows("sessions", "session_id, number, state")}
        for row in old.rows("sessions"):
            known = here.get(row["session_id"])
            if known and _WAY[known["state"]] >= _WAY[row["state"]]:
                continue
            if row["state"] in ("open", "waiting"):
                if same and row["run"] == run_there and not known:
                    outbox.adopt("sessions", {**row, "state": "open", "run": run})  # to keep its number
            elif same:
                outbox.take_in(row, known["number"] if known else None)
            elif row["state"] != "delivered" or not old.durable:
                player_id = None if row["player_id"] == installation else row["player_id"]
                _end_again(row, player_id, known["number"] if known else 0, outbox, run)
        _bring_progress(old, outbox)
        if same:
            outbox.account_for_merge(old.counts())


def _bring_progress(old: Outbox, outbox: Outbox) -> None:
    """What a destination has settled of ends that others have still to settle."""
    if progress := old.rows("progress"):
        numbers = {row["session_id"]: row["number"] for row in outbox.rows("sessions", "number, session_id")}
        for row in progress:
            if row["session_id"] in numbers:
                outbox.take_progress({**row, "number": numbers[row["session_id"]]})


def _end_again(row: dict[str, Any], player_id: str | None, known_number: int, outbox: Outbox, run: str) -> None:
    session_id, script_data = row["session_id"], row["script_data"]
    told = row["started_at"], player_id, script_data, row["about"], row["previous_id"]
    outbox.start(run, session_id, *told, known_number=known_number)
    outbox.save(session_id, row["reason"], row["active"], row["wall"], script_data)
    outbox.release(session_id)
    response = response_of(row["answer"]) if row["state"] == "delivered" else None
    if response:
        outbox.deliver(session_id, response, run)
        if row["told"]:
            outbox.told([session_id])
    elif row["state"] == "rejected":
        outbox.reject(session_id, row["answer"])
