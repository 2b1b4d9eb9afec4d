"""The `cta` command as a process of its own, for tests of what only a process shows: signals, terminals, children."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path

from helpers.server import environment

CTA = (sys.executable, "-c", "from cta_client.cli import main; main()")


def start(*arguments: str, folder: Path, stdin: int = subprocess.DEVNULL, **env: str) -> subprocess.Popen[str]:
    """Starts `cta`, its output in pipes, its temporary files in `folder`."""
    return subprocess.Popen(
        [*CTA, *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(TMPDIR=str(folder), **env),
        cwd=folder,
    )


@contextlib.contextmanager
def started(*arguments: str, folder: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """`cta` for the length of a `with`; what still runs then is killed."""
    process = start(*arguments, folder=folder, **env)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(*arguments: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """`cta` run to its end."""
    with started(*arguments, folder=folder, **env) as process:
        out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def on_terminal(*arguments: str, folder: Path, columns: int, **env: str) -> tuple[int, str]:
    """`cta` run on a terminal of so many columns; its exit code and all that it drew."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    shown = environment(TMPDIR=str(folder), TERM="xterm-256color", LANG="C.UTF-8", **env)
    shown.pop("COLUMNS", None)
    process = subprocess.Popen([*CTA, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=shown, cwd=folder)
    os.close(theirs)
    drawn = bytearray()
    try:
        while True:
            ready, _, _ = select.select([ours], [], [], 0.1)
            try:
                piece = os.read(ours, 65536) if ready else b""
            except OSError:
                # The terminal is gone with its last user.
                break
            drawn += piece
            if not piece and process.poll() is not None:
                break
    finally:
        if process.poll() is None:
            process.kill()
        os.close(ours)
        process.wait()
    return process.returncode, drawn.decode("utf-8", "replace")


def processes_in(folder: Path) -> list[int]:
    """Processes whose command line names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if str(folder).encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def wait_until_gone(folder: Path, seconds: float = 10.0) -> bool:
    """Whether all processes of the folder end in time."""
    deadline = time.monotonic() + seconds
    while processes_in(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
