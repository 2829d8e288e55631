"""After an outage: the plugin's real courier and backoff, and the server's real pace, in fake time."""

from __future__ import annotations

from benchmarks.returning import simulate

INSTALLATIONS, A_SECOND = 2_000, 10.0
BEST = INSTALLATIONS / A_SECOND  # seconds


def test_a_server_that_sheds_gets_through() -> None:
    """All is delivered in little more than the time that it takes at best, and most that is asked can be answered."""
    returned = simulate(INSTALLATIONS, A_SECOND, sheds=True, seed=1, limit=10 * BEST)
    assert returned.all_after is not None
    assert returned.all_after < 4 * BEST
    assert returned.requests < 6 * INSTALLATIONS


def test_one_that_does_not_answers_nobody() -> None:
    """Whom it answers has gone: why there is shedding at all."""
    returned = simulate(INSTALLATIONS, A_SECOND, sheds=False, seed=1, limit=3 * BEST)
    assert returned.half_after is None
