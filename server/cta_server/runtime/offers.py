"""Offers: consumers' own processes that are ready to run canaries.

It decides who is there, who is asked next, and whether a worker that broke off may be on its way back. Kept in memory,
as the fleet is: a worker comes back after a restart and offers anew. Only which streams have offers is kept in the
journal, so that a canary after a restart waits for them. Filled by OfferCanaries, asked by `proving`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from typing import Final

from cta_server.runtime.leases import Ending, Offer, Station
from cta_server.runtime.storage import Storage

RETURN_SECONDS: Final = 30.0
"""How long a worker that broke off is expected back: a container is replaced in less, and a restart of the server is
bridged in two."""

SETTING: Final = "offers"
"""The journal's setting with the streams that have offers, separated by spaces."""


class Offers:
    """All open offers."""

    def __init__(self, storage: Storage, now: Callable[[], float] = time.monotonic) -> None:
        self._storage, self._now = storage, now
        self._stations: list[Station] = []
        self._broke: dict[str, float] = {}
        """When a worker of a stream broke off last; the start of the server for streams that had offers before it."""
        self._kept: set[str] = set()
        self._writing = asyncio.Lock()
        self.changes = asyncio.Event()
        """Set when somebody came, left or became free; who waits clears it."""

    async def load(self) -> None:
        """Reads which streams had offers before the server started."""
        text = await self._storage.journaled(self._storage.journal.setting, SETTING)
        self._kept = set((text or "").split())
        self._broke = dict.fromkeys(self._kept, self._now())

    @contextlib.asynccontextmanager
    async def open(self, offer: Offer) -> AsyncGenerator[Station]:
        """A worker's offer, for the length of an `async with`."""
        await self._keep(offer.stream_id, offered=True)
        station = Station(offer, self._now)
        self._stations.append(station)
        self.changes.set()
        try:
            yield station
        finally:
            self._stations.remove(station)
            station.drop(Ending.LOST)
            if not station.left:
                self._broke[offer.stream_id] = self._now()
            elif not self._of(offer.stream_id):
                self._broke.pop(offer.stream_id, None)
                await self._keep(offer.stream_id, offered=False)
            self.changes.set()

    def choose(self, stream_id: str, without: Collection[str] = ()) -> Station | None:
        """A free worker of the version that most of the stream's workers run, `without` some of them.

        None when there is none, and when all of that version are at work.
        """
        live = self._live(stream_id)
        workers: dict[tuple[str, str], set[str]] = {}
        for station in live:
            workers.setdefault(_version(station.offer), set()).add(station.offer.worker_id)
        votes = Counter({version: len(names) for version, names in workers.items()})
        # Among versions that as many run the one that came last is asked: it is what the others become.
        latest = {_version(station.offer): place for place, station in enumerate(live)}
        for version in sorted(votes, key=lambda each: (-votes[each], -latest[each])):
            able = [s for s in live if _version(s.offer) == version and s.offer.worker_id not in without]
            if able:
                return next((station for station in able if station.lease is None), None)
        return None

    def any(self, stream_id: str, without: Collection[str] = ()) -> bool:
        """Whether somebody is there, free or at work."""
        return any(station.offer.worker_id not in without for station in self._live(stream_id))

    def returning(self, stream_id: str) -> bool:
        """Whether a worker broke off so lately that it may be on its way back."""
        broke = self._broke.get(stream_id)
        return broke is not None and self._now() - broke < RETURN_SECONDS

    def _live(self, stream_id: str) -> list[Station]:
        return [station for station in self._of(stream_id) if station.live]

    def _of(self, stream_id: str) -> list[Station]:
        return [station for station in self._stations if station.offer.stream_id == stream_id]

    async def _keep(self, stream_id: str, *, offered: bool) -> None:
        """Keeps in the journal whether a stream has offers."""
        async with self._writing:
            if (stream_id in self._kept) == offered:
                return
            kept = self._kept ^ {stream_id}
            await self._storage.journaled(self._storage.journal.set_setting, SETTING, _words(kept))
            self._kept = kept


def _version(offer: Offer) -> tuple[str, str]:
    return offer.consumer, offer.version


def _words(names: Iterable[str]) -> str:
    return " ".join(sorted(names))
