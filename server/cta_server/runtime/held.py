"""Held events as they are shown: masked copies, or the events themselves for somebody who asks for them by name.

Whoever sees events of a masked stream as they came is written to the log of decisions before the answer is given.
Called by the EventService.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from cta_core.memory import DecisionEntry
from cta_core.quarantine import HeldEvent
from cta_server.runtime.gates import Gates
from cta_server.runtime.storage import Storage


class QuarantineView:
    """Shows held events."""

    def __init__(self, *, storage: Storage, gates: Gates, clock: Callable[[], float]) -> None:
        self._storage, self._gates, self._clock = storage, gates, clock

    async def shown(
        self, events: Sequence[HeldEvent], *, raw: bool = False, actor: str = ""
    ) -> list[tuple[HeldEvent, bool]]:
        """The events as they may be shown, each with whether it is a masked copy."""
        found: list[tuple[HeldEvent, bool]] = []
        seen: Counter[str] = Counter()
        for event in events:
            veil = (await self._gates.get(event.stream_id)).veil
            if veil is None or not event.raw:
                found.append((event, False))
            elif raw:
                seen[event.stream_id] += 1
                found.append((event, False))
            else:
                found.append((veil.held(event), True))
        for stream_id, count in seen.items():
            entry = DecisionEntry(
                action="see_held",
                actor=actor,
                stream_id=stream_id,
                why=f"{count} held events were shown unmasked",
                time=self._clock(),
            )
            await self._storage.journaled(self._storage.journal.decide, entry)
        return found
