"""The demo's own server: a child process with its store in a folder, and never left behind.

The child is `cta serve` in another interpreter: the client imports nothing of the server. It watches the pipe that is
its standard input and stops when that closes, so that it ends also when this process is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

from cta_client.errors import ClientError

START_SECONDS: Final = 30.0
"""Longest wait for the port: a server starts in about two seconds; a loaded machine may take ten times that."""
STOP_SECONDS: Final = 10.0
"""Longest wait for the server to drain before it is killed: twice what its own drain may take by default."""


class ServerFailed(ClientError):
    """The demo's server did not start or ended too early."""


class ServerProcess:
    """A running server."""

    def __init__(self, process: asyncio.subprocess.Process, address: str, folder: Path) -> None:
        self._process = process
        self.address, self.folder = address, folder

    @property
    def log(self) -> Path:
        """Where it writes its log."""
        return self.folder / "server.log"

    def failed(self) -> str:
        """Why it ended, if it did; empty while it runs."""
        code = self._process.returncode
        return "" if code is None else f"The server ended with code {code}: {last_words(self.log)}"


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncGenerator[ServerProcess]:
    """A server with its store in `folder`, on a free port of this machine; stopped at the end whatever happens."""
    port_file, log = folder / "port", folder / "server.log"
    port_file.unlink(missing_ok=True)
    # A kept folder's log goes on.
    with log.open("ab") as log_file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cta_server",
            "--port",
            "0",
            "--port-file",
            str(port_file),
            "--store",
            str(folder / "store"),
            "--stop-with-stdin",
            stdin=asyncio.subprocess.PIPE,
            stdout=log_file,
            stderr=log_file,
            # Ctrl-C at the terminal is ours: we stop the server in order, and it is not interrupted beside us.
            start_new_session=True,
        )
    try:
        address = await _address(process, port_file, log)
        yield ServerProcess(process, address, folder)
    finally:
        await _stop(process)


async def _address(process: asyncio.subprocess.Process, port_file: Path, log: Path) -> str:
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                if process.returncode is not None:
                    raise ServerFailed(f"The server did not start: {last_words(log)}")
                port = _text(port_file)
                if port:
                    return f"127.0.0.1:{port}"
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise ServerFailed(f"The server did not start within {START_SECONDS:g} s: {last_words(log)}") from None


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def last_words(log: Path) -> str:
    """The last line of the log that is no mere detail of the one above it."""
    lines = [line for line in _text(log).splitlines() if line and not line[0].isspace()]
    return lines[-1][-400:] if lines else "it wrote nothing."


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
