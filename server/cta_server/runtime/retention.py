"""The janitor: what a stream keeps by age, kept no longer.

Recent events, redriven events with their deliveries, and history each have an age in the stream's policy; 0 keeps them
for good. Held events never go by age, nor do baselines, incidents, adapters and decisions. The janitor does a bounded
amount in a turn and goes on in the next one, each part in its own transaction, so that it never holds the store for
long; what a kill interrupts is done in a later turn. Started by the runtime.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from cta_core.errors import CtaError
from cta_core.memory import DecisionEntry
from cta_core.stream import Policy, Stream
from cta_server.runtime.detector import Detector
from cta_server.runtime.ids import bound_of
from cta_server.runtime.remasking import Remasker
from cta_server.runtime.storage import Storage

TURN_SECONDS: Final = 10.0
"""Between two turns. Ages are hours and days; ten seconds are late for none of them and cost nothing."""

BLOCK: Final = 500
"""Deliveries emptied in one transaction: as many as a redrive writes in one."""

BLOCKS: Final = 20
"""Transactions of one stream in one turn: 10,000 deliveries, a thousand a second, which is more than a redrive makes
for long."""

LATENESS: Final = 50
"""Recent events and history are looked at this often in their age, at least every hour: what is to go after a week goes
within an hour, what is to go after an hour within some 70 seconds."""

HOUR: Final = 3600.0

log = structlog.get_logger(__name__)


class Sighting(msgspec.Struct, frozen=True, array_like=True):
    """The newest recent event at a time: what is not newer is at least as old."""

    time: float
    position: int


class Janitor:
    """Ends what is too old."""

    def __init__(self, *, storage: Storage, detector: Detector, remasker: Remasker, clock: Callable[[], float]) -> None:
        self._storage, self._detector, self._remasker, self._clock = storage, detector, remasker, clock
        self._looked: dict[tuple[str, str], float] = {}

    async def run(self) -> None:
        """Takes its turns until it is cancelled."""
        while True:
            await self.turn()
            await asyncio.sleep(TURN_SECONDS)

    async def turn(self) -> None:
        """One turn over all streams."""
        after = ""
        while page := await self._storage.journaled(self._storage.journal.list_streams, after=after, limit=100):
            after = page[-1].stream_id
            for stream in page:
                try:
                    await self._tend(stream)
                except CtaError as error:
                    log.warning("retention waits for its next turn", stream_id=stream.stream_id, why=str(error))

    async def _tend(self, stream: Stream) -> None:
        if set(stream.masks) != set(stream.masked):
            await self._remasker.bring_up(stream.stream_id)
        policy = stream.policy
        if not policy.forgets:
            return
        if policy.keep_delivered_seconds:
            await self._deliveries(stream.stream_id, policy)
        if policy.keep_events_seconds and self._due(stream.stream_id, "events", policy.keep_events_seconds):
            await self._events(stream.stream_id, policy)
        if policy.keep_history_seconds and self._due(stream.stream_id, "history", policy.keep_history_seconds):
            await self._history(stream.stream_id, policy)

    def _due(self, stream_id: str, what: str, age: float) -> bool:
        now, key = self._clock(), (stream_id, what)
        if now - self._looked.get(key, float("-inf")) < min(age / LATENESS, HOUR):
            return False
        self._looked[key] = now
        return True

    async def _deliveries(self, stream_id: str, policy: Policy) -> None:
        """Empties deliveries that are too old, and the held events that they were."""
        journal, before = self._storage.journal, self._clock() - policy.keep_delivered_seconds
        total = 0
        for _ in range(BLOCKS):
            count = await self._storage.journaled(journal.erase_delivered, stream_id, before=before, limit=BLOCK)
            total += count
            if count < BLOCK:
                break
        if total:
            why = f"{total} redriven events and their deliveries were older than keep_delivered; they are emptied"
            entry = DecisionEntry(action="erase", actor="loop", stream_id=stream_id, why=why, time=self._clock())
            await self._storage.journaled(journal.decide, entry)

    async def _events(self, stream_id: str, policy: Policy) -> None:
        """Drops recent events that were there so long ago.

        An event's own time is its producer's word, so age is counted by when the janitor saw it; what it saw outlives a
        restart.
        """
        journal, archive, now = self._storage.journal, self._storage.archive, self._clock()
        name = f"seen_events/{stream_id}"
        known = await self._storage.journaled(journal.setting, name)
        seen = msgspec.json.decode(known, type=list[Sighting]) if known else []
        recent = await self._storage.archived(archive.recent_events, stream_id, limit=1)
        newest = recent[0].position if recent else 0
        if newest and seen and seen[-1].position > newest:
            seen = []  # the stream was deleted and made again: its positions began anew
        if newest > (seen[-1].position if seen else 0):
            seen.append(Sighting(now, newest))
        old = [each for each in seen if each.time <= now - policy.keep_events_seconds]
        if old:
            await self._storage.archived(archive.erase_events, stream_id, up_to=old[-1].position)
        kept = msgspec.json.encode(seen[len(old) :]).decode()
        if kept != (known or "[]"):
            await self._storage.journaled(journal.set_setting, name, kept)

    async def _history(self, stream_id: str, policy: Policy) -> None:
        """Drops runs, reports and canaries that are too old, but none that is newer than an open incident."""
        opened = [incident.create_time for incident in self._detector.open_incidents(stream_id)]
        before = min([self._clock() - policy.keep_history_seconds, *opened])
        archive = self._storage.archive
        await self._storage.archived(archive.erase_history, stream_id, before=bound_of(before))
