"""What a source is and how it stands. Data only."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from cta_core.errors import InvalidInput, Violation
from cta_server.runtime.sources.populations import POPULATIONS


class SourceKind(StrEnum):
    """Where a source takes its events from."""

    GENERATOR = "GENERATOR"
    """Made by a seeded generator."""
    FILE = "FILE"
    """Read from a JSON Lines file in the server's folder of sources."""


class SourceState(StrEnum):
    """Whether a source runs."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    """It was stopped."""
    FINISHED = "FINISHED"
    """It sent all that it had."""
    FAILED = "FAILED"
    """It failed; the status says why."""


class SourceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, where to, and how fast."""

    source_id: str = ""
    """Empty makes a new source; the id of one that ended starts it again."""
    stream_id: str = ""
    kind: SourceKind = SourceKind.GENERATOR
    population: str = ""
    """For GENERATOR: whose events."""
    file: str = ""
    """For FILE: name below the folder of sources."""
    rate: float = 0.0
    """Events per second; 0 sends as fast as the gate takes them."""
    limit: int = 0
    """Events to send in all, before and after a restart; 0 sends until stopped, or to the end of the file."""
    seed: int = 0
    """For GENERATOR: which sequence of events."""

    def check(self) -> None:
        """Raises `InvalidInput` with every problem."""
        found = list(self._problems())
        if found:
            raise InvalidInput(found)

    def _problems(self) -> Iterator[Violation]:
        if not self.stream_id:
            yield Violation("stream_id", "name the stream that gets the events")
        if self.kind is SourceKind.GENERATOR and self.population not in POPULATIONS:
            yield Violation("population", f"must be one of {', '.join(POPULATIONS)}")
        if self.kind is SourceKind.GENERATOR and self.file:
            yield Violation("file", "belongs to a source of kind FILE; leave it out")
        if self.kind is SourceKind.FILE and not self.file:
            yield Violation("file", "name a file below the folder of sources")
        if self.kind is SourceKind.FILE and self.population:
            yield Violation("population", "belongs to a source of kind GENERATOR; leave it out")
        if not 0 <= self.rate < math.inf:
            yield Violation("rate", "must be a finite number of events per second, 0 for as fast as possible")
        if self.limit < 0:
            yield Violation("limit", "must be 0 (no limit) or more")


class FeedCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the events of one batch."""

    healthy: int = 0
    healed: int = 0
    quarantined: int = 0
    """By the gate or by a stage."""


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A source as it is now."""

    spec: SourceSpec
    """With its `source_id`."""
    state: SourceState
    error: str = ""
    """What went wrong, if it failed."""
    start_time: float = 0.0
    """When it was started last, seconds since the epoch."""
    sent: int = 0
    """Events that were fed, over all starts."""
    healthy: int = 0
    healed: int = 0
    quarantined: int = 0
    measured_rate: float = 0.0
    """Events per second over the last three seconds."""
