"""What makes the next events of a source: its generator or its file, with the source's faults applied.

Everything here blocks, or takes the processor for milliseconds: the controller calls it on its own threads, one call
at a time for each producer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

from cta_core.errors import EventRefused, InvalidInput
from cta_core.event import decode, encode
from cta_server.runtime.faults.fault import Fault
from cta_server.runtime.sources.lines import LineFile, open_below
from cta_server.runtime.sources.populations import POPULATIONS
from cta_server.runtime.sources.source import SourceKind, SourceSpec

_SAMPLE: Final = 200
"""Events that a fault looks at to choose a field: a null that one event in twenty has is among them for certain."""
_SPREAD: Final = (0, 50_000, 100_000, 150_000)
"""How far ahead of a generator its sample is taken: far enough apart that a date in it is not always the same."""


class Position(Protocol):
    """Where a producer stands, as the source remembers it between two starts."""

    sent: int
    """Events sent."""
    offset: int
    """Byte of the file where the next line begins."""


class Producer(Protocol):
    """Makes events in order."""

    @property
    def offset(self) -> int:
        """Byte of the file where the next line begins; 0 without a file."""
        ...

    def make(self, count: int, faults: Sequence[Fault]) -> list[bytes]:
        """The next events, `count` at most; none when there are no more."""
        ...

    def close(self) -> None:
        """Let files go."""
        ...


class GeneratorProducer:
    """Events of a population."""

    offset = 0

    def __init__(self, population: str, seed: int, start: int) -> None:
        self._events = POPULATIONS[population].events(seed, start)

    def make(self, count: int, faults: Sequence[Fault]) -> list[bytes]:
        """See `Producer.make`."""
        return [_sent(event, faults) for event in islice(self._events, count)]

    def close(self) -> None:
        """See `Producer.close`."""


class FileProducer:
    """Lines of a file, opened on the first call. What is no event goes on as it is: the gate has to see it."""

    def __init__(self, folder: Path | None, name: str, offset: int) -> None:
        self._folder, self._name, self._offset = folder, name, offset
        self._file: LineFile | None = None

    @property
    def offset(self) -> int:
        """See `Producer.offset`."""
        return self._offset if self._file is None else self._file.offset

    def make(self, count: int, faults: Sequence[Fault]) -> list[bytes]:
        """See `Producer.make`; `InvalidInput` if the file cannot be read."""
        if self._file is None:
            self._file = self._opened()
        lines = self._file.read(count)
        return [_faulty(line, faults) for line in lines] if faults else lines

    def close(self) -> None:
        """See `Producer.close`."""
        if self._file is not None:
            self._file.close()

    def _opened(self) -> LineFile:
        if self._folder is None:
            raise InvalidInput.of("file", "the server has no folder of sources; configure sources.folder")
        return open_below(self._folder, self._name, self._offset)


def open_producer(spec: SourceSpec, folder: Path | None, position: Position) -> Producer:
    """The producer of a source, standing where the source stopped. Does not block yet."""
    if spec.kind is SourceKind.GENERATOR:
        return GeneratorProducer(spec.population, spec.seed, position.sent)
    return FileProducer(folder, spec.file, position.offset)


def sample(spec: SourceSpec, folder: Path | None, position: Position, faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """Events such as the source sends now, decoded: what a further fault will see."""
    if spec.kind is SourceKind.GENERATOR:
        share = _SAMPLE // len(_SPREAD)
        starts = (position.sent + ahead for ahead in _SPREAD)
        parts = (GeneratorProducer(spec.population, spec.seed, start).make(share, faults) for start in starts)
        return _decoded([event for part in parts for event in part])
    producer = open_producer(spec, folder, position)
    try:
        found = _decoded(producer.make(_SAMPLE, faults))
    finally:
        producer.close()
    if found or not position.offset:
        return found
    return sample(spec, folder, _Beginning(), faults)  # a file that was read to its end: its beginning is as good


class _Beginning:
    sent = 0
    offset = 0


def _sent(event: dict[str, Any], faults: Sequence[Fault]) -> bytes:
    for fault in faults:
        event = fault.apply(event)
    return encode(event)


def _faulty(line: bytes, faults: Sequence[Fault]) -> bytes:
    try:
        return _sent(decode(line), faults)
    except EventRefused:
        return line


def _decoded(lines: Sequence[bytes]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in lines:
        try:
            found.append(decode(line))
        except EventRefused:
            continue
    return found
