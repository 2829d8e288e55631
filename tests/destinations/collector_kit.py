"""A real collector: Rotel, started as whoever runs it does, beside the tests and for loopback alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from network_kit import DEADLINE, eventually


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


class Rotel:
    """`url`: for OTLP/HTTP. `output`: what it has written, in which each record stands that it took."""

    def __init__(self, url: str, path: Path) -> None:
        self.url = url
        self._path = path

    @property
    def output(self) -> str:
        return self._path.read_text("utf-8")

    def wait_for(self, text: str, count: int = 1) -> str:
        eventually(lambda: self.output.count(text) >= count)
        return self.output


@contextmanager
def rotel(folder: Path, to: str | None = None) -> Iterator[Rotel]:
    """Running until the end of the block. `to`: an address that it sends on what it takes, in protobuf."""
    import rotel as package

    port = free_port()
    output = folder / "collector.txt"
    exporter = ["otlp", "--otlp-exporter-protocol", "http", "--otlp-exporter-endpoint", to] if to else ["blackhole"]
    command = [
        *(str(Path(package.__file__).with_name("rotel-agent")), "start"),
        *("--otlp-http-endpoint", f"127.0.0.1:{port}", "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}"),
        *("--debug-log", "logs", "--debug-log-verbosity", "detailed", "--exporter", *exporter),
        *("--pid-file", str(folder / "collector.pid"), "--log-file", str(folder / "collector.log")),
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROTEL_")}
    environment["LD_LIBRARY_PATH"] = sysconfig.get_config_var(
        "LIBDIR"
    )  # it has Python in it, and looks for its library
    with output.open("w") as written:
        process = subprocess.Popen(command, stdout=written, stderr=written, env=environment)
    try:
        limit = time.monotonic() + DEADLINE
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                break
            assert process.poll() is None, output.read_text("utf-8")
            assert time.monotonic() < limit, "the collector never listened"
            time.sleep(0.02)
        yield Rotel(f"http://127.0.0.1:{port}", output)
    finally:
        process.terminate()
        process.wait(DEADLINE)
