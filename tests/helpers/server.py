"""A real server as a child process, for tests of what speaks to one: `with live_server(folder) as server: ...`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("core", "server", "client", "client_tui", "generated")
START_SECONDS = 15.0
STOP_SECONDS = 10.0


def environment(**more: str) -> dict[str, str]:
    """This process's environment without settings of its own user, with the source roots of a bare checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CTA_")}
    return kept | {"PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in SOURCES), "NO_COLOR": "1"} | more


class LiveServer:
    """A server that serves."""

    def __init__(self, process: subprocess.Popen[bytes], address: str, folder: Path) -> None:
        self.process, self.address, self.folder = process, address, folder

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return (self.folder / "server.log").read_text("utf-8", "replace")

    def kill(self) -> None:
        """Ends it as a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_SECONDS)

    def stop(self) -> int:
        """Ends it in order and returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_SECONDS)
        return self.process.returncode


def start_server(
    folder: Path, *, port: int = 0, extra: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> LiveServer:
    """Starts a server with its store below `folder`, and waits until it serves; a second start uses the same store."""
    folder.mkdir(parents=True, exist_ok=True)
    port_file = folder / "port"
    port_file.unlink(missing_ok=True)
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "cta_server", "--port", str(port), "--port-file", str(port_file)),
                *("--store", str(folder / "store"), "--stop-with-stdin", *extra),
            ],
            # The child ends with this process, also when that is killed: the pipe closes.
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment(**(env or {})),
            cwd=folder,
        )
    server = LiveServer(process, "", folder)
    deadline = time.monotonic() + START_SECONDS
    while not port_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            close(server)
            raise RuntimeError(f"the server did not start:\n{server.log}")
        time.sleep(0.02)
    server.address = f"127.0.0.1:{port_file.read_text('utf-8').strip()}"
    return server


def close(server: LiveServer) -> None:
    """Stops it and closes its pipe."""
    server.stop()
    if server.process.stdin is not None:
        server.process.stdin.close()


@contextlib.contextmanager
def live_server(
    folder: Path, *, port: int = 0, extra: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Iterator[LiveServer]:
    """A server for the length of a `with`."""
    server = start_server(folder, port=port, extra=extra, env=env)
    try:
        yield server
    finally:
        close(server)
