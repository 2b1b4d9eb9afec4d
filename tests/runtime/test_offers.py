"""Who offers canaries, who is asked, and who is expected back, over a real journal and a clock of the test's own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from cta_server.runtime.leases import LEASE_SECONDS, Offer, Station
from cta_server.runtime.offers import RETURN_SECONDS, Offers
from cta_server.runtime.storage import Storage
from cta_server.store.archive import open_archive
from cta_server.store.journal import open_journal


class Clock:
    """The test's time."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Now."""
        return self.now


@contextlib.asynccontextmanager
async def offers(folder: Path, clock: Clock) -> AsyncIterator[Offers]:
    """Offers over the folder's journal, as after a start of the server."""
    storage = Storage(open_journal(folder / "journal.db"), open_archive(folder / "archive.db"))
    storage.start()
    try:
        found = Offers(storage, clock)
        await found.load()
        yield found
    finally:
        await storage.close()


def offer(worker_id: str, version: str = "1", stream_id: str = "s") -> Offer:
    """A worker's offer."""
    return Offer(stream_id=stream_id, worker_id=worker_id, consumer="book", version=version)


def name(station: Station | None) -> str:
    """The worker of a station."""
    return station.offer.worker_id if station is not None else ""


async def test_most_workers_decide_on_the_version(tmp_path: Path) -> None:
    """A worker counts once however often it offers; among equals the version that came last is asked."""
    async with offers(tmp_path, Clock()) as found, contextlib.AsyncExitStack() as open_:
        for worker_id, version in (("a", "1"), ("a", "1"), ("b", "2")):
            await open_.enter_async_context(found.open(offer(worker_id, version)))
        assert name(found.choose("s")) == "b"
        await open_.enter_async_context(found.open(offer("c", "1")))
        assert name(found.choose("s")) == "a"
        assert name(found.choose("s", {"a"})) == "c"
        assert name(found.choose("s", {"a", "c"})) == "b"
        assert found.choose("s", {"a", "b", "c"}) is None
        assert found.choose("another") is None


async def test_a_silent_worker_is_not_asked(tmp_path: Path) -> None:
    """Until it speaks again."""
    clock = Clock()
    async with offers(tmp_path, clock) as found, found.open(offer("a")) as station:
        clock.now += LEASE_SECONDS + 0.1
        assert found.choose("s") is None
        assert not found.any("s")
        station.beat()
        assert name(found.choose("s")) == "a"


async def test_who_broke_off_is_expected_back_and_who_left_is_not(tmp_path: Path) -> None:
    """A worker without a farewell is waited for, for half a minute."""
    clock = Clock()
    async with offers(tmp_path, clock) as found:
        assert not found.returning("s")
        async with found.open(offer("a")):
            pass
        assert found.returning("s")
        clock.now += RETURN_SECONDS + 0.1
        assert not found.returning("s")
        async with found.open(offer("a")) as station:
            station.leave()
        assert not found.returning("s")


async def test_workers_of_before_are_expected_after_a_restart(tmp_path: Path) -> None:
    """Streams that had offers when the server ended have them again soon; those whose workers had left have not."""
    clock = Clock()
    async with (
        offers(tmp_path, clock) as found,
        found.open(offer("a")),
        found.open(offer("b", stream_id="t")) as left,
    ):
        left.leave()
    clock.now += 10_000
    async with offers(tmp_path, clock) as found:
        assert found.returning("s")
        assert not found.returning("t")
        clock.now += RETURN_SECONDS + 0.1
        assert not found.returning("s")
