"""The hub: marks that only grow, and samplers that stay bounded and say what they left out."""

from __future__ import annotations

import asyncio

from cta_server.runtime.hub import Hub, Mark
from cta_server.runtime.ports import RecordedEvent


def event(number: int, stream_id: str = "s", kind: str = "HEALTHY") -> RecordedEvent:
    """A recorded event."""
    return RecordedEvent(position=0, stream_id=stream_id, event_id=str(number), kind=kind, raw=b"{}")


async def test_a_waiter_wakes_when_the_mark_grows() -> None:
    """A waiter gets the new value; one that waits for more goes on waiting."""
    mark = Mark(3)
    early = asyncio.create_task(mark.wait(3, 10))
    later = asyncio.create_task(mark.wait(5, 10))
    await asyncio.sleep(0)
    mark.raise_to(5)
    assert await early == 5
    assert not later.done()
    mark.raise_to(7)
    assert await later == 7


async def test_a_mark_never_falls() -> None:
    """A smaller value changes nothing, and a wait that runs out of time answers with what is known."""
    mark = Mark(9)
    mark.raise_to(4)
    assert await mark.wait(9, 0.001) == 9


async def test_a_slow_reader_keeps_the_newest_and_is_told_the_rest() -> None:
    """Shown and left out together are all events that the reader wanted."""
    hub = Hub()
    with hub.tail("s", size=10) as tail:
        hub.passed([event(n) for n in range(7)])
        hub.passed([event(n) for n in range(7, 30)])
        batch = await tail.next(1)
    assert [e.event_id for e in batch.items] == [str(n) for n in range(20, 30)]
    assert len(batch.items) + batch.left_out == 30


async def test_a_reader_sees_only_its_stream_and_kinds() -> None:
    """Filters hold, and without news the batch is empty."""
    hub = Hub()
    with hub.tail("s", kinds=("HEALED",), size=10) as tail:
        hub.passed([event(1), event(2, kind="HEALED"), event(3, "t", "HEALED")])
        assert [e.event_id for e in (await tail.next(1)).items] == ["2"]
        assert (await tail.next(0.001)).items == ()


async def test_nobody_is_served_after_leaving() -> None:
    """A reader that left no longer makes the gate collect events for it."""
    hub = Hub()
    with hub.tail("s"):
        assert hub.watched
    assert not hub.watched
