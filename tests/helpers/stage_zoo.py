"""Stages that behave badly in every way a stage can. Imported by worker processes of the tests, never by the tests."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def same(value: Any) -> Any:
    """Give back what came."""
    return value


def note(event: dict[str, Any]) -> dict[str, Any]:
    """Write the event's number to the file it names: one line per run."""
    with Path(event["file"]).open("a", encoding="utf-8") as file:
        file.write(f"{event['n']}\n")
    return event


def tell_pid(event: dict[str, Any]) -> dict[str, Any]:
    """Write the process's id to the file that the event names, once."""
    if not _TOLD:
        with Path(event["pids"]).open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
        _TOLD.append(True)
    return event


def act(event: dict[str, Any]) -> Any:
    """Do what the event says."""
    return _ACTS[event.get("do", "nothing")](event)


async def coroutine(event: Any) -> Any:
    """A coroutine function, which no stage may be."""
    return event


def _raise(event: dict[str, Any]) -> Any:
    raise ValueError(event.get("words", "as told"))


def _bad_words(_event: dict[str, Any]) -> Any:
    class WordlessError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    raise WordlessError


def _hang_python(_event: dict[str, Any]) -> Any:
    while True:
        time.sleep(0.01)


def _hang_swallowing(_event: dict[str, Any]) -> Any:
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(60)


def _swallow_once(_event: dict[str, Any]) -> Any:
    with contextlib.suppress(BaseException):
        time.sleep(60)
    return "late"


def _hang_in_c(_event: dict[str, Any]) -> Any:
    # A search in C that never ends and never lets the interpreter look at signals.
    return 1 in itertools.repeat(0)


def _exit_now(_event: dict[str, Any]) -> Any:
    os._exit(3)


def _exit_kindly(_event: dict[str, Any]) -> Any:
    sys.exit("done")


def _segfault(_event: dict[str, Any]) -> Any:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(60)


def _sigkill(_event: dict[str, Any]) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def _print(event: dict[str, Any]) -> Any:
    sys.stdout.write("printed\n")
    print("printed again")
    os.write(1, b"\xff\xfe raw bytes\n")
    sys.stderr.write("an error line\n")
    return event


def _flood(event: dict[str, Any]) -> Any:
    for _ in range(64):
        os.write(1, b"a line of a flood\n" * 4096)
    return event


def _read_input(_event: dict[str, Any]) -> Any:
    return sys.stdin.read()


def _cycle(_event: dict[str, Any]) -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def _deep(_event: dict[str, Any]) -> Any:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


def _eat_memory(_event: dict[str, Any]) -> Any:
    return len([b"x" * (1 << 20) for _ in range(1 << 20)])


def _child(event: dict[str, Any]) -> Any:
    process = subprocess.Popen(["sleep", "60"])
    Path(event["file"]).write_text(str(process.pid), encoding="utf-8")
    time.sleep(60)


_TOLD: list[bool] = []

_ACTS = {
    "nothing": same,
    "raise": _raise,
    "bad_words": _bad_words,
    "hang_python": _hang_python,
    "hang_swallowing": _hang_swallowing,
    "swallow_once": _swallow_once,
    "hang_in_c": _hang_in_c,
    "exit": _exit_now,
    "exit_kindly": _exit_kindly,
    "segfault": _segfault,
    "sigkill": _sigkill,
    "print": _print,
    "flood": _flood,
    "read_input": _read_input,
    "cycle": _cycle,
    "deep": _deep,
    "eat_memory": _eat_memory,
    "child": _child,
    "decimal": lambda _event: {"fee": decimal.Decimal("1.10")},
    "date": lambda _event: {"at": [dt.date(2026, 1, 1)]},
    "tuple": lambda _event: (1, 2),
    "set": lambda _event: {"x": {1}},
    "bytes": lambda _event: b"x",
    "nan": lambda _event: {"x": [float("nan")]},
    "infinity": lambda _event: float("inf"),
    "number_key": lambda _event: {1: 2},
    "half_surrogate": lambda _event: {"x": "\ud800"},
    "huge": lambda _event: "x" * (5 * 1024 * 1024),
    "big_number": lambda _event: {"n": 2**70},
    "environment": lambda _event: sorted(os.environ),
    "null": lambda _event: None,
    "pid": lambda _event: os.getpid(),
}
