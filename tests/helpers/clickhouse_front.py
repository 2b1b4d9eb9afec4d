"""The front of `clickhouse_wire` as a process: `with clickhouse_front(folder) as front: ... front.url("db") ...`.

It stands for a ClickHouse server in tests and benchmarks. What it cannot show is said there.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from helpers.server import ROOT, environment

STOP_SECONDS: Final = 10.0


class ClickHouseFront:
    """A front that serves."""

    def __init__(self, folder: Path, *, login: str = "", tls: Sequence[Path] | None = None, port: int = 0) -> None:
        self.folder, self.login, self.tls, self.port = folder, login, tls, port
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        """Starts it, again at the same port if it ran before, and waits until it serves."""
        self.folder.mkdir(parents=True, exist_ok=True)
        more = ["--tls", *map(str, self.tls)] if self.tls else []
        paths = environment()
        paths["PYTHONPATH"] += f":{ROOT / 'tests'}"
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "helpers.clickhouse_wire", str(self.folder)),
                    *("--port", str(self.port), "--login", self.login, *more),
                ],
                # It ends with this process, also when that is killed: the pipe closes.
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=paths,
            )
        self.port = int(self._line())

    def url(self, database: str = "default", **query: str) -> str:
        """Its address for `store.archive`."""
        login = f"{self.login}@" if self.login else ""
        asked = {"secure": "true", **query} if self.tls else query
        tail = "?" + "&".join(f"{name}={value}" for name, value in asked.items()) if asked else ""
        return f"clickhouse://{login}127.0.0.1:{self.port}/{database}{tail}"

    def order(self, **orders: Any) -> dict[str, int]:
        """Makes things go wrong, and returns what happened so far, by name.

        `drop_before=N`, `drop_after=N`: the connection is cut before the next N inserts are committed, or after it.
        `busy=N`: the next N requests are answered 503. `truncate=N`: the next N answers to queries end halfway.
        `slow={"read": S, "write": S, "insert": S}`: seconds before each answer, from now on; an empty one ends
        waits too. `reject="TEXT"`: inserts with that text are refused for good; empty: none are. `hang_up=True`: every
        connection is cut now. `away=True`: the same, and new ones are refused, until `away=False`.
        """
        process = self._running()
        assert process.stdin is not None
        process.stdin.write(json.dumps(orders) + "\n")
        process.stdin.flush()
        found: dict[str, int] = json.loads(self._line())
        return found

    @property
    def counts(self) -> dict[str, int]:
        """How often each thing happened: `read`, `write`, `insert`, and each fault by its name."""
        return self.order()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._running().pid

    def calm(self) -> None:
        """Nothing goes wrong from now on."""
        self.order(drop_before=0, drop_after=0, busy=0, truncate=0, slow={}, reject="", away=False)

    def kill(self) -> None:
        """Ends it as a crash does; `start` brings it back."""
        process = self._running()
        process.kill()
        self._reap(process)

    def stop(self) -> None:
        """Ends it; a second call does nothing."""
        if self._process is not None:
            self._process.kill()
            self._reap(self._process)

    def _reap(self, process: subprocess.Popen[str]) -> None:
        process.wait(STOP_SECONDS)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process = None

    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None, "the front does not run"
        return self._process

    def _line(self) -> str:
        process = self._running()
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            log = (self.folder.parent / f"{self.folder.name}.log").read_text("utf-8", "replace")
            self.stop()
            raise RuntimeError(f"the front ended:\n{log}")
        return line


@contextlib.contextmanager
def clickhouse_front(folder: Path, *, login: str = "", tls: Sequence[Path] | None = None) -> Iterator[ClickHouseFront]:
    """A front for the length of a `with`, with its data in `folder`. `login` is USER:PASSWORD, `tls` the PEM files: its
    certificate, the key, and the authorities of the clients' certificates, if they need one.
    """
    front = ClickHouseFront(folder, login=login, tls=tls)
    try:
        yield front
    finally:
        front.stop()
