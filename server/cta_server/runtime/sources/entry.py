"""What the controller knows of one source: what it was told, how far it came, the faults on it, and its task."""

from __future__ import annotations

import asyncio

from cta_server.runtime.faults.fault import Fault, FaultStatus
from cta_server.runtime.sources.pace import Meter
from cta_server.runtime.sources.source import FeedCounts, SourceSpec, SourceState, SourceStatus


class Entry:
    """One source. Its task changes it; everybody else reads its status."""

    def __init__(self, spec: SourceSpec) -> None:
        self.spec = spec
        self.faults: list[tuple[FaultStatus, Fault]] = []
        self.task: asyncio.Task[None] | None = None
        self.sent = 0
        self.offset = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._state = SourceState.STOPPED
        self._error = ""
        self._start_time = 0.0
        self._counts = FeedCounts()
        self._meter = Meter(0.0)

    @property
    def running(self) -> bool:
        """Whether it sends."""
        return self._state is SourceState.RUNNING

    def begin(self, time: float, now: float) -> None:
        """It starts."""
        self._state, self._error, self._start_time = SourceState.RUNNING, "", time
        self._meter = Meter(now)
        self.ended = asyncio.get_running_loop().create_future()

    def count(self, sent: int, counts: FeedCounts, offset: int, now: float) -> None:
        """A batch arrived."""
        before = self._counts
        self.sent += sent
        self.offset = offset
        self._counts = FeedCounts(
            healthy=before.healthy + counts.healthy,
            healed=before.healed + counts.healed,
            quarantined=before.quarantined + counts.quarantined,
        )
        self._meter.add(now, sent)

    def end(self, state: SourceState, error: str = "") -> None:
        """It ended."""
        self._state, self._error = state, error
        if not self.ended.done():
            self.ended.set_result(None)

    def status(self, now: float) -> SourceStatus:
        """As it is now."""
        return SourceStatus(
            spec=self.spec,
            state=self._state,
            error=self._error,
            start_time=self._start_time,
            sent=self.sent,
            healthy=self._counts.healthy,
            healed=self._counts.healed,
            quarantined=self._counts.quarantined,
            measured_rate=self._meter.rate(now),
        )
