"""The events that an analysis and a canary look at: drifted ones of an incident, healthy ones of its stream."""

from __future__ import annotations

from typing import Final

from cta_core.diagnosis.report import Severity
from cta_core.gate import OutcomeKind
from cta_core.incident import Incident
from cta_server.runtime.ports import RecordedEvent
from cta_server.runtime.storage import Storage

SILENT_LIMIT: Final = 1000
"""Events of silent drift that are looked at: as many as a canary replays by default."""


class Samples:
    """Reads events from journal and archive."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def drifted(self, incident: Incident, limit: int) -> list[bytes]:
        """Events that show the incident: those it holds, or, for silent drift, what passed since it showed."""
        if incident.severity is Severity.SILENT:
            recent = await self.recent(incident.stream_id, limit, kinds=(OutcomeKind.HEALTHY.value,))
            return [event.raw for event in reversed(recent) if event.time >= incident.drift_time]
        return await self.held(limit, incident_id=incident.incident_id)

    async def held(self, limit: int, *, stream_id: str = "", incident_id: str = "") -> list[bytes]:
        """Events that wait in the quarantine, oldest first."""
        journal = self._storage.journal
        return await self._storage.journaled(
            journal.held_bodies, stream_id=stream_id, incident_id=incident_id, limit=limit
        )

    async def count(self, incident: Incident) -> int:
        """How many drifted events there are."""
        journal = self._storage.journal
        if incident.severity is Severity.SILENT:
            return len(await self.drifted(incident, SILENT_LIMIT))
        return await self._storage.journaled(journal.count_held, incident_id=incident.incident_id)

    async def healthy(self, incident_stream: str, limit: int, *, before: float | None = None) -> list[bytes]:
        """Recent events that passed unchanged, oldest first; `before` leaves out later ones."""
        recent = await self.recent(incident_stream, limit, kinds=(OutcomeKind.HEALTHY.value,))
        return [event.raw for event in reversed(recent) if before is None or event.time < before]

    async def baseline(self, stream_id: str, limit: int) -> list[bytes]:
        """Events of the baseline, spread evenly."""
        return await self._storage.journaled(self._storage.journal.get_baseline, stream_id, limit=limit)

    async def recent(self, stream_id: str, limit: int, *, kinds: tuple[str, ...] = ()) -> list[RecordedEvent]:
        """Recent events, newest first, those included that are still on their way to the archive."""
        return await self._storage.archived(self._storage.archive.recent_events, stream_id, kinds=kinds, limit=limit)
