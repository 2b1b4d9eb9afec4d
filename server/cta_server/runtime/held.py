"""Held events as they are shown: masked copies, or the events themselves for somebody who asks for them by name.

Whoever sees events of a masked stream as they came is written to the log of decisions, with how many they were, before
the answer is given. Called by the EventService, which alone knows how many of those read go into its answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from cta_core.memory import DecisionEntry
from cta_core.quarantine import HeldEvent
from cta_server.runtime.gates import Gates
from cta_server.runtime.storage import Storage


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A held event as it may be shown."""

    event: HeldEvent
    masked: bool = False
    """It is a masked copy."""
    bare: bool = False
    """It came to a stream with masks and is shown as it came: whoever sees it is recorded."""


class QuarantineView:
    """Shows held events."""

    def __init__(self, *, storage: Storage, gates: Gates, clock: Callable[[], float]) -> None:
        self._storage, self._gates, self._clock = storage, gates, clock

    async def shown(self, events: Sequence[HeldEvent], *, raw: bool = False) -> list[Shown]:
        """The events as they may be shown."""
        found: list[Shown] = []
        for event in events:
            veil = (await self._gates.get(event.stream_id)).veil
            if veil is None or not event.raw:
                found.append(Shown(event=event))
            elif raw:
                found.append(Shown(event=event, bare=True))
            else:
                found.append(Shown(event=veil.held(event), masked=True))
        return found

    async def record(self, stream_ids: Iterable[str], *, actor: str) -> None:
        """Writes to the log of decisions that somebody sees bare events: the stream of each."""
        for stream_id, count in Counter(stream_ids).items():
            entry = DecisionEntry(
                action="see_held",
                actor=actor,
                stream_id=stream_id,
                why="1 held event was shown unmasked" if count == 1 else f"{count} held events were shown unmasked",
                time=self._clock(),
            )
            await self._storage.journaled(self._storage.journal.decide, entry)
