"""The server itself: the kill switch and the counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from cta_core.incident import WAITING
from cta_core.memory import DecisionEntry
from cta_server.runtime.detector import Detector
from cta_server.runtime.gates import Gates
from cta_server.runtime.notify.webhooks import Webhooks
from cta_server.runtime.ports import SpoolNow
from cta_server.runtime.redriver import Redriver
from cta_server.runtime.storage import Storage

SETTING: Final = "kill_switch"

RATE_SECONDS: Final = 3.0
"""Time over which the event rate is taken: long enough to be calm, short enough to be now."""


class StatsNow(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the server started; the names of the API's `Stats`."""

    uptime: float
    event_count: int
    healthy_count: int
    healed_count: int
    quarantined_count: int
    held_count: int
    redriven_count: int
    stream_count: int
    open_incident_count: int
    waiting_incident_count: int
    event_rate: float
    kill_switch_engaged: bool
    signature_count: int
    archive: SpoolNow
    webhook_count: int
    failing_webhook_count: int


class System:
    """Kill switch and counts."""

    def __init__(self, *, storage: Storage, gates: Gates, detector: Detector, clock: Callable[[], float]) -> None:
        self._storage, self._gates, self._detector, self._clock = storage, gates, detector, clock
        self.halted = False
        """The kill switch is engaged."""
        self._started = clock()
        self._marks: list[tuple[float, int]] = []
        self.redriver: Redriver | None = None
        """Set by the runtime; counts what was redriven."""
        self.webhooks: Webhooks | None = None
        """Set by the runtime; counts who is told, and whom nobody reaches."""

    async def load(self) -> None:
        """Reads the kill switch as it was left."""
        value = await self._storage.journaled(self._storage.journal.setting, SETTING)
        self.halted = value == "engaged"

    async def set_kill_switch(self, engaged: bool, *, actor: str = "", comment: str = "") -> bool:
        """Engages or releases; returns how it is now."""
        if engaged != self.halted:
            decision = DecisionEntry(
                action="engage_kill_switch" if engaged else "release_kill_switch",
                actor=actor or "somebody",
                why=comment,
                time=self._clock(),
            )
            if engaged:
                self.halted = True  # first the loop stops, then it is written
            await self._storage.journaled(
                self._storage.journal.set_setting, SETTING, "engaged" if engaged else "released", decision
            )
            self.halted = engaged
        return self.halted

    async def stats(self) -> StatsNow:
        """The counts."""
        totals, now = self._gates.totals(), self._clock()
        incidents = self._detector.open_incidents()
        held = await self._storage.journaled(self._storage.journal.count_held)
        streams = await self._storage.journaled(self._storage.journal.count_streams)
        signatures = await self._storage.archived(self._storage.archive.count_signatures)
        return StatsNow(
            uptime=now - self._started,
            event_count=totals.events,
            healthy_count=totals.healthy,
            healed_count=totals.healed,
            quarantined_count=totals.quarantined,
            held_count=held,
            redriven_count=self.redriver.total if self.redriver else 0,
            stream_count=streams,
            open_incident_count=len(incidents),
            waiting_incident_count=sum(incident.state in WAITING for incident in incidents),
            event_rate=self._rate(now, totals.events),
            kill_switch_engaged=self.halted,
            signature_count=signatures,
            archive=await self._storage.spool(),
            webhook_count=self.webhooks.count if self.webhooks else 0,
            failing_webhook_count=self.webhooks.failing_count if self.webhooks else 0,
        )

    def _rate(self, now: float, events: int) -> float:
        self._marks = [mark for mark in self._marks if mark[0] >= now - RATE_SECONDS]
        self._marks.append((now, events))
        then, before = self._marks[0]
        return (events - before) / (now - then) if now > then else 0.0
