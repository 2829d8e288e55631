"""Starfall: a small arcade game whose sessions are kept by gs_pygame. Run it with `python -m examples.starfall`."""
