"""What is kept of the events that pass the gate: an even sample, for analyses, canaries and those who watch.

A stream has an allowance of events per second; a fast one is thinned evenly over each batch. What is held is in the
journal anyway, so that a sample loses nothing that matters. Of a stream with masks only copies are kept and shown.
Called by the intake.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cta_core.gate import OutcomeKind
from cta_server.runtime.batch import EventResult, Incoming
from cta_server.runtime.gates import StreamGate
from cta_server.runtime.hub import Hub
from cta_server.runtime.ports import RecordedEvent
from cta_server.runtime.storage import Storage

PER_SECOND: Final = 2000.0
"""Events of one stream recorded per second at most. Analyses and canaries look at some hundred recent events, so five
seconds of a fast stream fill the 10,000 that are kept; recording more would only cost."""

EVIDENCE_BYTES: Final = 4096
"""Of an event that is too large, its first bytes are kept."""


class Recorder:
    """Keeps recent events and shows them to the tail."""

    def __init__(self, *, storage: Storage, hub: Hub) -> None:
        self._storage, self._hub = storage, hub
        self._allowance: dict[str, tuple[float, float]] = {}
        self._since_trim: dict[str, int] = {}

    async def record(
        self, gate: StreamGate, events: Sequence[Incoming], results: Sequence[EventResult], now: float
    ) -> None:
        """Hands a sample of a batch to the archive and to the tail."""
        stream_id = gate.stream.stream_id
        picked = self._pick(stream_id, len(events), now)
        if not picked:
            return
        limit = gate.limits.max_bytes
        recorded = [_recorded(stream_id, events[index], results[index], limit, now) for index in picked]
        if gate.veil is not None:
            recorded = [gate.veil.recorded(event) for event in recorded]
        archive = self._storage.archive
        await self._storage.archive_later(archive.append_events, stream_id, recorded)
        keep = gate.stream.policy.keep_recent
        since = self._since_trim.get(stream_id, 0) + len(recorded)
        if since > keep // 4:
            await self._storage.archive_later(archive.trim_events, stream_id, keep=keep)
            since = 0
        self._since_trim[stream_id] = since
        if self._hub.watched:
            self._hub.passed(recorded)

    def _pick(self, stream_id: str, count: int, now: float) -> Sequence[int]:
        """Which events of a batch are kept: all, or as many as the allowance has, evenly spread."""
        then, left = self._allowance.get(stream_id, (now, PER_SECOND))
        left = min(PER_SECOND, left + (now - then) * PER_SECOND)
        take = min(count, int(left))
        self._allowance[stream_id] = (now, left - take)
        return range(count) if take == count else [index * count // take for index in range(take)]


def _recorded(stream_id: str, event: Incoming, result: EventResult, limit: int, now: float) -> RecordedEvent:
    return RecordedEvent(
        position=0,
        stream_id=stream_id,
        event_id=result.event_id,
        kind=result.kind.value,
        raw=event.raw if len(event.raw) <= limit else event.raw[:EVIDENCE_BYTES],
        output=result.payload if result.kind is OutcomeKind.HEALED else b"",
        adapter_id=result.adapter_id,
        reason=result.reason or "",
        message=result.message,
        time=event.event_time or now,
    )
