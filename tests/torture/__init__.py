"""Tries to break the promises: kills, copies, clocks, junk. Small by default, large by hand (counts.py says how)."""
