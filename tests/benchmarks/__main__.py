"""Makes the environment with the peers in it, and runs the benchmark there. Needs nothing but Python."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-benchmarks"

PACKAGES = ("pygame", "glean-sdk", "sentry-sdk", "posthog", "gamepulse-sdk", "bugnet-sdk", "litequeue", "persist-queue",
            "psutil", "matplotlib", "pyperf")  # fmt: skip


def main() -> int:
    python = ENVIRONMENT / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    subprocess.run([*pip, *PACKAGES, "--editable", str(ROOT)], check=True)
    inherited = {name: value for name, value in os.environ.items() if not _in_the_way(name)}
    command = [str(python), "-m", "tests.benchmarks.run", *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env=inherited, check=False).returncode


def _in_the_way(name: str) -> bool:
    """Settings of this computer that would change what is measured, or send it elsewhere."""
    settings = name.startswith("GS_PYGAME_") or name in ("DO_NOT_TRACK", "PYTHONDONTWRITEBYTECODE")
    return settings or name.lower().endswith("_proxy")


sys.exit(main())
