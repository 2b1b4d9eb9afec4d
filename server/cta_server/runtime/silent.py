"""The watch for silent drift: events that satisfy the contract while their values changed their meaning.

Samples of what passes as healthy go to the core's monitor, whose false-alarm rate is stated. An alarm is a reason to
look, not yet an incident: the diagnosis compares the window since the change with the baseline, and only what it does
not call harmless opens one. Its events go on passing: by default a person decides, and a false alarm must not stop a
stream.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from cta_core.diagnosis.report import Decision, Severity
from cta_core.drift import Alarm, SilentDriftMonitor
from cta_core.errors import CtaError, EventRefused
from cta_core.event import decode
from cta_core.profile import Profile
from cta_core.stream import Stream
from cta_server.runtime.analyst import Analyst
from cta_server.runtime.detector import Detector
from cta_server.runtime.gates import Gates, StreamGate
from cta_server.runtime.healer import Healer
from cta_server.runtime.samples import Samples
from cta_server.runtime.storage import Storage
from cta_server.runtime.tasks import Tasks

WATCHED_PER_SECOND: Final = 200.0
"""Events of one stream that the monitor sees per second at most. One costs some 50 us, so a busy stream costs one per
cent of a core, and a change of every value is still seen within a tenth of a second."""

WINDOW: Final = 60
"""Events since the change that the diagnosis waits for: as many as it needs to tell one distribution from another."""

WINDOW_SECONDS: Final = 30.0
"""Longest wait for them."""

log = structlog.get_logger(__name__)


class _Watch:
    """One stream's monitor, and when it saw its last events."""

    def __init__(self, profile: Profile, now: float) -> None:
        self.monitor = SilentDriftMonitor(profile)
        self.times: deque[float] = deque(maxlen=10_000)
        self.allowance = WATCHED_PER_SECOND
        self.then = now

    def since(self, alarm: Alarm) -> float:
        """When the first event of the alarm's run of evidence came."""
        index = max(0, len(self.times) - alarm.events)
        return self.times[index] if self.times else self.then


class SilentWatch:
    """Watches all streams that have a baseline."""

    def __init__(
        self,
        *,
        storage: Storage,
        gates: Gates,
        healer: Healer,
        analyst: Analyst,
        samples: Samples,
        detector: Detector,
        tasks: Tasks,
        clock: Callable[[], float],
    ) -> None:
        self._storage, self._gates, self._healer, self._analyst = storage, gates, healer, analyst
        self._samples, self._detector, self._tasks, self._clock = samples, detector, tasks, clock
        self._watches: dict[str, _Watch] = {}
        self._muted: dict[str, set[str]] = {}

    def forget(self, stream_id: str) -> None:
        """The stream has a new baseline, or is gone."""
        self._watches.pop(stream_id, None)
        self._muted.pop(stream_id, None)

    def observe(self, gate: StreamGate, events: Sequence[bytes]) -> None:
        """Takes a sample of events that passed as healthy."""
        stream = gate.stream
        if not events or not stream.learned:
            return
        watch = self._watches.get(stream.stream_id)
        if watch is None:
            self._tasks.spawn(f"watch/{stream.stream_id}", self._begin(stream.stream_id))
            return
        now = self._clock()
        watch.allowance = min(WATCHED_PER_SECOND, watch.allowance + (now - watch.then) * WATCHED_PER_SECOND)
        watch.then = now
        take = min(len(events), int(watch.allowance))
        watch.allowance -= take
        for index in range(take):
            try:
                event = decode(events[index * len(events) // take], gate.limits)
            except EventRefused:
                continue
            if gate.veil is not None:
                event = gate.veil.masker.event(event)
            watch.times.append(now)
            for alarm in watch.monitor.observe((event,)):
                self._alarm(stream, watch, alarm)

    async def _begin(self, stream_id: str) -> None:
        encoded = await self._storage.journaled(self._storage.journal.get_profile, stream_id)
        if encoded is not None:
            self._watches[stream_id] = _Watch(Profile.from_bytes(encoded), self._clock())

    def _alarm(self, stream: Stream, watch: _Watch, alarm: Alarm) -> None:
        key = f"silent {alarm.path} {alarm.question}"
        if key in self._muted.get(stream.stream_id, ()) or self._under_way(stream.stream_id):
            return
        self._tasks.spawn(f"silent/{stream.stream_id}", self._look(stream, key, watch.since(alarm)))

    def _under_way(self, stream_id: str) -> bool:
        """A silent incident is open: what it is about would only be told again."""
        return any(i.severity is Severity.SILENT for i in self._detector.open_incidents(stream_id))

    async def _look(self, stream: Stream, key: str, since: float) -> None:
        """Diagnoses the window since the change; opens an incident unless it is harmless."""
        stream_id = stream.stream_id
        deadline = self._clock() + WINDOW_SECONDS
        while len(window := await self._window(stream_id, since)) < WINDOW and self._clock() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.2)  # what it waits for happens in the store
        baseline = await self._samples.baseline(stream_id, stream.policy.analysis_sample)
        if not baseline or not window:
            return
        try:
            sample = window[-stream.policy.analysis_sample :]
            veil = (await self._gates.get(stream_id)).veil
            contract = stream.contract if veil is None else veil.declared
            report, _took = await self._analyst.diagnose(baseline, sample, contract)
        except CtaError as error:
            log.warning("silent drift could not be looked at", stream_id=stream_id, why=str(error))
            return
        # One alarm is asked about once until the baseline is learned anew: an answer is not asked for twice.
        self._muted.setdefault(stream_id, set()).add(key)
        if report.decision is Decision.QUIET:
            log.info("a harmless change", stream_id=stream_id, finding=key)
            return
        headline = report.cause.sentence or f"Values of {stream_id} changed their meaning: {key.split(' ')[1]}"
        await self._healer.open_silent(stream, key, headline, since)
        self._watches.pop(stream_id, None)

    async def _window(self, stream_id: str, since: float) -> list[bytes]:
        recent = await self._samples.recent(stream_id, 1000, kinds=("HEALTHY",))
        return [event.raw for event in reversed(recent) if event.time >= since]
