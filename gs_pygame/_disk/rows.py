"""What a row of the outbox must be to become an end that can be sent: a disk, or somebody, may have changed it."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from .._base.messages import End, EndSessionResponse

END_COLUMNS = (
    "session_id, number, previous_id, player_id, started_at, active, wall, reason, script_data, about, counters"
)
"""What an end is made of."""

MAX_NUMBER = 2**53
"""Sessions that can be numbered; beyond it JSON's readers disagree about integers."""

_LONGEST = 1e14
"""Seconds; anything beyond is no time span (and in milliseconds still a number that JSON's readers agree on)."""

_SENSELESS = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)


def end_of(row: tuple[Any, ...], installation_id: str) -> End:
    """The end that `row` (END_COLUMNS, and what may follow them) says it is, right or wrong."""
    session_id, number, previous_id, player_id, started_at, active, wall, reason, script_data, about, counters = row[
        :11
    ]
    return End(
        session_id=session_id,
        number=number,
        previous_id=previous_id,
        installation_id=installation_id,
        player_id=player_id,
        started_at=started_at,
        active=active,
        wall=wall,
        reason=reason,
        script_data=script_data,
        about=about,
        counters=counters,
    )


def is_sound(end: End) -> bool:
    """Whether all of `end` is what it says it is."""
    try:
        return (
            "\ufffd" not in end.session_id  # else what was read is not what is written there, and matches no row
            and isinstance(end.player_id, str)
            and isinstance(end.reason, str)
            and (end.previous_id is None or isinstance(end.previous_id, str))
            and (end.number is None or 0 < end.number <= MAX_NUMBER)
            and abs(end.started_at) < _LONGEST
            and 0 <= end.active < _LONGEST
            and 0 <= end.wall < _LONGEST
            and isinstance(_loads(end.script_data), dict)
            and isinstance(_loads(end.about), dict)
            and (end.counters is None or isinstance(_loads(end.counters), dict))
        )
    except _SENSELESS:
        return False


def _loads(text: str) -> Any:
    return json.loads(text, parse_constant=_no_json)


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def response_of(answer: str) -> EndSessionResponse | None:
    """The answer that a receipt holds; None if it is none."""
    try:
        response = EndSessionResponse.from_json(answer)
    except _SENSELESS:
        return None
    duration, script_data = response.session_duration, response.script_data
    return response if isinstance(script_data, dict) and isinstance(duration, (int, type(None))) else None
