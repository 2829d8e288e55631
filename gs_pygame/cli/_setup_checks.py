"""What the doctor looks at on this computer: Python and libraries, pygame and its display, clock, switches."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from .._base.messages import to_rfc3339
from .._settings import SWITCHES, is_on
from .._version import __version__
from ._finding import Finding

PROBE_LIMIT = 20.0
"""Seconds that pygame may take to begin a display; a connection to a screen that is gone hangs."""

_FLAVOURS = ("pygame", "pygame-ce")
_LIBRARIES = ("requests", "appdirs", "typer", "rich", "starlette", "uvicorn", "sqlalchemy")
_WINDOWLESS = ("dummy", "offscreen")
_NO_DRIVER = "with SDL_VIDEODRIVER (SDL 3: SDL_VIDEO_DRIVER) unset."
_ONE_OF_THEM = "pip uninstall pygame pygame-ce, then install one of them."


def look_at_setup() -> Iterator[Finding]:
    yield Finding("gs_pygame", "ok", f"{__version__}, in {Path(__file__).parents[1]}")
    yield Finding("python", "ok", f"{platform.python_version()} on {sys.platform}, SQLite {sqlite3.sqlite_version}")
    versions = {name: _version(name) for name in _LIBRARIES}
    yield Finding("libraries", "ok", ", ".join(f"{name} {version}" for name, version in versions.items() if version))
    found = _probed()
    yield _pygame(found)
    if "version" in found:
        yield _display(found)
    yield _clock()
    yield from _switches()
    yield from _authorities()


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _probed() -> dict[str, Any]:
    """What `_probe` says; {"crashed": how} if it does not come to it."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"{__package__}._probe"],
            env={**os.environ, "PYGAME_HIDE_SUPPORT_PROMPT": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"crashed": f"it hung for {PROBE_LIMIT:.0f} seconds"}
    try:
        found = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return {"crashed": f"it ended with {done.returncode}: {last}"}
    return dict(found)


def _pygame(found: dict[str, Any]) -> Finding:
    trouble = _trouble(found)
    if trouble:
        return Finding("pygame", "fault", *trouble)
    return Finding("pygame", "ok", f"{found['version']}, and it can be hooked")


def _trouble(found: dict[str, Any]) -> tuple[str, str] | None:
    """What is wrong with pygame, and the cure."""
    installed = {name: version for name in _FLAVOURS if (version := _version(name))}
    if "crashed" in found:
        return f"it does not come up: {found['crashed']}", "Reinstall it, and the computer's video driver."
    if "missing" in found:
        return f"there is none: {found['missing']}", "pip install pygame, or pip install pygame-ce."
    if "version" not in found:
        if found["where"].endswith(".py"):
            return f"{found['where']} is in its place, and is none", "Rename that file if it is yours; else reinstall."
        return f"the package in {found['where']} is empty, as an uninstall of one of two leaves it", _ONE_OF_THEM
    if len(installed) > 1:
        both = " and ".join(f"{name} {version}" for name, version in installed.items())
        return f"{both} are installed in one place; {found['version']} came last", _ONE_OF_THEM
    if not found["hooked"]:
        return "nobody can wrap pygame.event.get", "Use install(hook=False), process_event() and update()."
    return None


def _display(found: dict[str, Any]) -> Finding:
    if "no_display" in found:
        return Finding(
            "display",
            "fault",
            f"no window can be opened: {found['no_display']}",
            f"Start it where there is a screen (Linux: DISPLAY or WAYLAND_DISPLAY is set), {_NO_DRIVER}",
        )
    if found["driver"] in _WINDOWLESS:
        return Finding(
            "display",
            "note",
            f"the video driver is {found['driver']}: there is no window that a player could leave",
            f"Fine for tests; else start it where there is a screen, {_NO_DRIVER}",
        )
    if found["driver"] == "wayland":
        return Finding(
            "display",
            "note",
            "the video driver is wayland, which never tells of a minimise; the loss of the focus is seen",
            'Leave background_on at "focus".',
        )
    return Finding("display", "ok", f"the video driver is {found['driver']}")


def _clock() -> Finding:
    """Against the oldest time that it can be: our own files' were written before now."""
    written = Path(__file__).stat().st_mtime
    if time.time() < written - 24 * 3600:
        return Finding(
            "clock",
            "fault",
            f"it says {to_rfc3339(time.time())}, which is before gs_pygame was installed",
            "Set the computer's clock: certificates look invalid, and ends bear wrong dates (never wrong lengths).",
        )
    return Finding("clock", "ok", to_rfc3339(time.time()))


def _switches() -> Iterator[Finding]:
    for switch in SWITCHES:
        if is_on(os.environ.get(switch, "")):
            yield Finding(
                "switch",
                "note",
                f"{switch} is set: the plugin does nothing, whatever else is set",
                f"Unset {switch}, unless you mean it.",
            )


def _authorities() -> Iterator[Finding]:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        path = os.environ.get(name)
        if path and not os.path.exists(path):
            yield Finding(
                "authorities",
                "note",
                f"{name} names {path}, which is not there: certificates are checked as if it were not set",
                f"Unset {name}, or put the file there.",
            )
