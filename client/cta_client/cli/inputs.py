"""Files given to verbs: events as JSON Lines, in calls of a fitting size, and whole files as parameters.

Events are never decoded here: what is not JSON is for the gate to hold. Used by the verbs that send events, contracts
and adapters.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import click

BATCH_EVENTS: Final = 500
"""Events a call: the size at which the gate's measured throughput no longer grows."""
BATCH_BYTES: Final = 2 * 1024 * 1024
"""Bytes a call, under the API's limit of 3 MiB with room for the envelope; a larger event goes alone."""
EVENT_BYTES: Final = 8 * 1024 * 1024 - 4096
"""Largest event that fits the server's message limit of 8 MiB with its envelope."""


class Content(click.ParamType):  # type: ignore[type-arg]  # older clicks have no argument
    """A parameter that names a file, or `-` for stdin; the verb gets its bytes."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """The file's bytes, or a usage error that names the file."""
        if isinstance(value, bytes):
            return value
        try:
            return sys.stdin.buffer.read() if value == "-" else Path(value).read_bytes()
        except OSError as error:
            self.fail(f"{value}: {error.strerror}.", param, ctx)


def read(source: str, numbers: list[int] | None = None) -> Iterator[bytes]:
    """The non-empty lines of a file, or of stdin for `-`. Raises `click.UsageError` when it cannot be read.

    The number of each line in the file, from 1, is added to `numbers`.
    """
    seen = [] if numbers is None else numbers
    if source == "-":
        yield from _kept(sys.stdin.buffer, seen)
        return
    try:
        with Path(source).open("rb") as file:
            yield from _kept(file, seen)
    except OSError as error:
        raise click.UsageError(f"{source}: {error.strerror}.") from error


def batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The lines in calls of at most `BATCH_EVENTS` events and `BATCH_BYTES` bytes, order kept."""
    batch: list[bytes] = []
    size = 0
    for number, line in enumerate(lines, 1):
        if len(line) > EVENT_BYTES:
            if batch:
                yield batch
            raise click.UsageError(f"Event {number} has {len(line):,} bytes; a call takes {EVENT_BYTES:,}.")
        if batch and (len(batch) == BATCH_EVENTS or size + len(line) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch


def _kept(lines: Iterable[bytes], numbers: list[int]) -> Iterator[bytes]:
    for number, line in enumerate(lines, 1):
        kept = line.strip(b" \t\r\n")
        if kept:
            numbers.append(number)
            yield kept


@contextlib.contextmanager
def sink(target: str) -> Generator[Callable[[bytes], object] | None]:
    """A function that writes lines to a file, or to stdout for `-`; None when there is no target."""
    if not target:
        yield None
        return
    if target == "-":
        out = sys.stdout.buffer
        yield lambda line: out.write(line + b"\n")
        out.flush()
        return
    try:
        with Path(target).open("wb") as file:
            yield lambda line: file.write(line + b"\n")
    except OSError as error:
        raise click.UsageError(f"{target}: {error.strerror}.") from error


def write(target: Path, content: bytes) -> None:
    """Writes a file. Raises `click.UsageError` when it cannot."""
    try:
        target.write_bytes(content)
    except OSError as error:
        raise click.UsageError(f"{target}: {error.strerror}.") from error
