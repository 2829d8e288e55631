"""How long we wait: every time that somebody is given, in one table, in seconds, with its reason.

What a player does or leaves undone is judged by rules, not by patience: see `_player.lifecycle`.
"""

from __future__ import annotations

HEARTBEAT = 0.8
"""Between two pulses. Under one second, so that a killed game's session is off by at most one second."""

OVERDUE = 2 * HEARTBEAT
"""Without a pulse, after which a hooked call is one. Under gevent and eventlet the keeper's thread is a green one,
which has a turn only when the game yields."""

AFTER_A_FAULT = 5.0
"""Until a turn that raised is tried again: not in a tight loop."""

# The game's thread

GAME_PATIENCE = 0.005
"""That a write in a frame may wait for another thread, and for another process; past that the keeper takes it over."""

START_PATIENCE = 0.25
"""That the first session's start may wait for another process. It is not in a frame, and a kill may follow."""

OPENING_PATIENCE = 1.0
"""That install() may wait for another program that holds the file: after that, it starts in memory."""

ERASE_PATIENCE = 2.0
"""That taking back a consent may wait for the disk: nothing may be written after it, nor overtake it."""

EXIT_PATIENCE = 0.03
"""That the exit may wait for the keeper, of the 50 ms that it may take in all."""

WAIT_AT_EXIT = 2.0
"""That `exit_delivery="wait"` waits for the last delivery; Sentry's default shutdown_timeout."""

FLUSH_STEP = 0.05
"""Between two looks of flush() while another process delivers."""

# The keeper, and whoever else may wait for the disk

KEEPER_PATIENCE = 0.5
"""That the keeper's writes may wait for another process: it tries again, and has a heart to keep beating."""

HELPER_PATIENCE = 5.0
"""That threads and programs without a player before them may wait for another process."""

SCAN = 60.0
"""Between two looks for copies of the game that have died."""

SILENT = 3600.0
"""Without a heartbeat, after which a run whose file we may not even open has died."""

DISK_RETRY = 5.0
"""Between two attempts to use the disk again."""

# The game and its helper

HEARING = HEARTBEAT
"""Between two looks for what the helper has done: on_delivered is in no hurry."""

QUICK_HEARING = 0.05
"""The same, while somebody may be waiting for it,"""

QUICK = 3.0
"""which is for so long after something new: a request takes less, or fails."""

STARTING = 10.0
"""Until a helper must be there: a one-file game unpacks itself first, and a busy machine has better to do."""

TOLD = 10.0
"""That it waits for its order, which lies in the pipe before it is started: somebody else has started it."""

ARRIVING = 1.0
"""That it tries to be the one: the game, which looks whether one is there, holds that lock for a moment."""

HELPER_IDLE = 10.0
"""With nothing to do, after which it goes: the 20 MB that requests takes are the player's. Ends come minutes apart, or
several in a minute."""

LOOK_IN_PLAY = 1.0
"""Between two looks for what nobody says: that the game was killed while a child of it has its pipe."""

LOOK_AT_EXIT = 0.02
"""Between two looks whether the game has gone, once it has closed its pipe."""

AFTER_THE_EXIT = 10.0
"""Of delivery after the game: Steam shows a game as running while any child of it lives."""

# The courier

TURN_BEAT = 1.0
"""Between two signs of life of who has the turn to deliver."""

TURN_STALE = 10.0
"""Without one, after which it has come to a stop: a busy machine lets a beat be late, but not ten."""

TURN_WAIT = 2.0
"""Until a thread looks again whether another copy has stopped delivering,"""

HELPER_TURN_WAIT = 0.1
"""and until a helper does, which has not much time."""

RECEIPTS_WAIT = 0.05
"""Of requests, one after another, until their receipts are written down together."""

PENDING = 30 * 24 * 3600.0
"""That an end is kept while the player has not chosen: what nobody agreed to is not kept for ever."""

PAUSE = 3600.0
"""Until we try again after we were not let in."""

RETRY_AFTER_LIMIT = 3600.0
"""That we wait at most because a server asked for it; one that asks for a year is not believed."""

BACKOFF_BASE = 1.0
"""Of the first wait after a failure, at most."""

BACKOFF_CAP = 60.0
"""Of any: the cap of the official GameSparks SDKs."""

DESTINATION_IDLE = 10.0
"""Without anything to send, after which the destination gives up what it holds: sessions end minutes apart."""

# A request

CONNECT_TIMEOUT = 5.0
"""To connect."""

READ_TIMEOUT = 15.0
"""Between two pieces of an answer; the official SDKs' requestTimeout."""

ANSWER_TIMEOUT = 30.0
"""For a whole answer, headers and all."""

LONGEST_REQUEST = CONNECT_TIMEOUT + ANSWER_TIMEOUT + 5.0
"""And then some: who takes longer hangs."""

KEEP_ALIVE = 2.0
"""After which an unused connection is not used again: a server (uvicorn: after 5 s) or a router may have dropped it."""
