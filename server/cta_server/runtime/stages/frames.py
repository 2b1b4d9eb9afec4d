"""What the server and a consumer's worker process say to each other, and the memory that both see.

Frames go over the worker's two pipes: four bytes of length, then msgpack. The server sends one `Setup`, is answered by
`Ready`, and then sends batches, each answered by `Done`. The outcomes themselves do not go over the pipe: the worker
writes each into shared memory as soon as it is known, next to marks that say which event and which stage it is at. So
whatever kills the worker, the server knows every outcome before it and exactly what was running: no event runs twice,
no other is blamed.
"""

from __future__ import annotations

import mmap
import os
import sys
from typing import Final

import msgspec

from cta_server.runtime.stages.outcome import VALUES_BYTES, StageOutcome
from cta_server.runtime.stages.spec import StageSpec

MAX_OUTPUT: Final = 5 * 1024 * 1024
"""Longest output of one event, bytes: as long as an event may be."""
_MARKS: Final = 4096
"""Bytes for the marks: one page, so that the outcomes behind it are aligned."""
_ROOM: Final = 16 * 1024 * 1024
"""Bytes for the outcomes of one batch: three of the longest. Only pages that were used take memory."""
_RESERVE: Final = MAX_OUTPUT + 64 * 1024 + VALUES_BYTES
"""An outcome is never longer: the output, the stages' own outputs, and 64 KiB for an error's words and the stages'
times."""

EVENT: Final = 0
"""Mark: number of the event in its batch that is running, -1 before the first."""
STAGE: Final = 1
"""Mark: number of the stage that is running or ran last."""
STARTED: Final = 2
"""Mark: when that stage began; 0 when none is running."""
COUNT: Final = 3
"""Mark: outcomes kept."""
BYTES: Final = 4
"""Mark: bytes of the outcomes kept."""

_ARRAY_32: Final = b"\xdd"
"""How msgpack opens an array with a count of four bytes: outcomes behind it are read in one go."""


class Setup(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The first frame to the worker."""

    stages: tuple[StageSpec, ...]
    path: tuple[str, ...]
    memory_bytes: int


class LoadProblem(msgspec.Struct, frozen=True, array_like=True):
    """A stage that could not be imported."""

    number: int
    message: str


class Ready(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The worker's answer to `Setup`."""

    problems: tuple[LoadProblem, ...] = ()


class Batch(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Events to run."""

    limit_s: float
    """Longest run of one stage on one event."""
    slice_s: float
    """The worker answers after the event that reaches this time, done or not: other callers wait."""
    events: list[bytes]
    first: int = 0
    """Number of the stage to begin with: the events are what the one before it put out."""
    record: bool = False
    """Keep what each stage puts out."""


class Done(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The worker's answer to `Batch`: the first `count` of its events are done."""

    count: int


class Shared:
    """The memory that both processes see: marks, then outcomes.

    Marks are doubles of eight bytes, which a processor writes whole. `started` is on the monotonic clock, which all
    processes of a machine share.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, _MARKS + _ROOM)
        self._page = memoryview(self._map)
        self.marks = self._page[:_MARKS].cast("d")
        self._used = _MARKS
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(tuple[StageOutcome, ...])

    @classmethod
    def create(cls) -> Shared:
        """New memory that lives as long as a process holds it; nothing of it remains in the file system."""
        if sys.platform == "linux":
            fd = os.memfd_create("cta-stages", os.MFD_CLOEXEC)
        else:
            import tempfile  # noqa: PLC0415 - slow to import, and Linux has better

            with tempfile.TemporaryFile() as file:
                fd = os.dup(file.fileno())
        os.ftruncate(fd, _MARKS + _ROOM)
        return cls(fd)

    def clear(self) -> None:
        """Forget the former batch."""
        self.marks[EVENT] = -1.0
        self.marks[STARTED] = 0.0
        self.marks[COUNT] = 0.0
        self.marks[BYTES] = 0.0
        self._used = _MARKS

    def append(self, outcome: StageOutcome) -> bool:
        """Keep an outcome; False when there may be no room for another one."""
        record = self._encoder.encode(outcome)
        used = self._used
        self._used = used + len(record)
        self._map[used : self._used] = record
        # The bytes stand before they are counted: a worker that dies in between leaves no half outcome.
        self.marks[BYTES] = self._used - _MARKS
        self.marks[COUNT] += 1.0
        return self._used + _RESERVE <= _MARKS + _ROOM

    def outcomes(self) -> tuple[StageOutcome, ...]:
        """All outcomes kept since `clear`."""
        count, used = int(self.marks[COUNT]), int(self.marks[BYTES])
        return self._decoder.decode(_ARRAY_32 + count.to_bytes(4, "big") + self._page[_MARKS : _MARKS + used])

    def close(self) -> None:
        """Let the memory go; once is enough."""
        if self._map.closed:
            return
        self.marks.release()
        self._page.release()
        self._map.close()
        os.close(self.fd)
