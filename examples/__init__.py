"""Examples: games that use gs_pygame."""
