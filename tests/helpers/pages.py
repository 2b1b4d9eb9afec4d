"""Pages of the documentation: their fenced blocks with the mark above them, and a shell that runs them like a reader.

A mark is an HTML comment in the line above a block. `run`: the commands are executed, in order, in one folder and one
shell per page. `file NAME`: the block is written to that file. `shows`: each line of the block stands in what the
commands before it wrote. In commands, `# exits with N` says so, `cta serve` starts a server that is used from then on,
and a `--watch` is interrupted once it has shown something.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from helpers.server import ROOT, environment

DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", *sorted(DOCS.glob("*.md")))
DEFAULT = "127.0.0.1:50510"
SECONDS = 15.0
"""Longest that one command may take: the slowest start a server."""

_FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]*?) -->\n)?```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


class Block(msgspec.Struct, frozen=True):
    """A fenced block."""

    page: str
    line: int
    language: str
    mark: str
    """What stands in the comment above; empty without one."""
    text: str


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = page.read_text("utf-8")
    return [
        Block(
            page.name, text.count("\n", 0, found.start("text")), found["language"], found["mark"] or "", found["text"]
        )
        for found in _FENCE.finditer(text)
    ]


def commands(text: str) -> list[str]:
    """The commands of a block; a line that ends with a backslash goes on."""
    joined = text.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


class Shell:
    """A folder with a shell, whose variables live from command to command, and the servers that it starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = DEFAULT
        self.ran = 0
        """Commands that did what their page says."""
        self.written = ""
        """Of the commands since the last `shows`."""
        self._servers: list[subprocess.Popen[bytes]] = []
        shutil.copytree(ROOT / "examples", folder / "examples")

    def __enter__(self) -> Self:
        """The shell itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends its servers."""
        for server in self._servers:
            with contextlib.suppress(ProcessLookupError):
                server.send_signal(signal.SIGTERM)
        for server in self._servers:
            server.wait(SECONDS)
            assert server.stdin is not None
            server.stdin.close()

    def follow(self, block: Block) -> None:
        """Does what a block says."""
        kind, _, name = block.mark.partition(" ")
        if kind == "file":
            (self.folder / name).write_text(block.text, "utf-8")
        elif kind == "shows":
            for line in block.text.splitlines():
                assert line in self.written, f"{block.page}:{block.line}: {line!r} is not in\n{self.written}"
            self.written = ""
        elif kind == "run":
            for command in commands(block.text):
                self.run(command, f"{block.page}:{block.line}")
                self.ran += 1

    def run(self, command: str, where: str) -> None:
        """Runs one command and compares its exit code."""
        expected = int(found[1]) if (found := re.search(r"# exits with (\d+)", command)) else 0
        command = command.replace(DEFAULT, self.address)
        if command.startswith("cta serve") and not expected:
            self._serve(command)
        elif "--watch" in command:
            self._watch(command, where)
        else:
            done = subprocess.run(
                self._bash(command),
                env=self._environment(),
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            self.written += done.stdout + done.stderr
            assert done.returncode == expected, f"{where}: {command}\n{done.returncode}\n{done.stdout}{done.stderr}"

    def _bash(self, command: str) -> list[str]:
        state = self.folder / ".state"
        before = f". {state}; " if state.exists() else ""
        return ["bash", "-c", f"{before}set -a; {command}\ncode=$?; export -p > {state}; exit $code"]

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        return environment(PATH=path, CTA_SERVER=self.address, HOME=str(self.folder), USER="reader")

    def _serve(self, command: str) -> None:
        command = command.split("#", 1)[0]
        port_file = self.folder / f".port-{len(self._servers)}"
        with (self.folder / "serve.log").open("ab") as log:
            server = subprocess.Popen(
                self._bash(f"exec {command} --port 0 --port-file {port_file} --stop-with-stdin"),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment(),
                cwd=self.folder,
            )
        self._servers.append(server)
        deadline = time.monotonic() + SECONDS
        while not port_file.exists():
            assert server.poll() is None, (self.folder / "serve.log").read_text("utf-8", "replace")
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        self.address = f"127.0.0.1:{port_file.read_text('utf-8').strip()}"
        state = self.folder / ".state"
        if state.exists():
            state.write_text(state.read_text("utf-8") + f"\nexport CTA_SERVER={self.address}\n", "utf-8")

    def _watch(self, command: str, where: str) -> None:
        process = subprocess.Popen(
            self._bash(f"exec {command.split('#', 1)[0]}"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            cwd=self.folder,
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=SECONDS)
        self.written += (first + rest).decode("utf-8", "replace")
        assert process.returncode in (0, 130), f"{where}: {command}\n{self.written}"
