"""What holds for every test."""

from __future__ import annotations

import signal

# A shell ignores SIGINT for what it starts in the background, and so would the games that are to hear it.
signal.signal(signal.SIGINT, signal.default_int_handler)
