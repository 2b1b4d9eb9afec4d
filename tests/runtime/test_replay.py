"""The counts of a replay: blocks of events overlap in gate and stages, their counts do not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import msgspec

from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.program import Program
from cta_core.adapter.revision import AdapterRevision
from cta_core.adapter.steps import Rename
from cta_core.canary import Canary
from cta_core.stream import Stream
from cta_server.runtime.gates import StreamGate
from cta_server.runtime.replay import Replay
from cta_server.runtime.stages import ConsumerSpec, StagePool, StageSpec

CONTRACT = b'{"type":"object","required":["n"],"properties":{"n":{"type":"integer"},"do":{"type":"string"}}}'
ADAPTER = AdapterRevision(
    adapter_id="adp_1",
    stream_id="s",
    program=Program(guard=(Condition(path="/m", test=Test.PRESENT),), steps=(Rename(source="/m", target="/n"),)),
)
CANARY = Canary(canary_id="can_1", stream_id="s", adapter_id="adp_1")


@contextlib.asynccontextmanager
async def replaying() -> AsyncIterator[Replay]:
    """A replay through one stage that raises on events that ask for it."""
    pool = StagePool({"zoo": ConsumerSpec(name="zoo", stages=(StageSpec(name="Act", call="helpers.stage_zoo:act"),))})
    await pool.start()
    try:
        yield Replay(StreamGate(Stream(stream_id="s", contract=CONTRACT, consumer="zoo"), ()), ADAPTER, pool)
    finally:
        await pool.close()


def block(name: str, numbers: Sequence[int], *failing: int) -> list[bytes]:
    """Events whose number has this name; the stage raises on the failing ones."""
    return [msgspec.json.encode({name: n} | ({"do": "raise"} if n in failing else {})) for n in numbers]


async def test_every_event_of_every_block_is_counted_once() -> None:
    """Though one block is in the stages while the gate judges the next, each event is counted once, in its order."""
    async with replaying() as replay:
        blocks = [block("m", range(start, start + 100), start, start + 99) for start in (0, 100, 200)]
        for events in blocks:
            await replay.drifted(events)
        await replay.healthy(block("n", range(300, 350)))
        await replay.finish()
        done = replay.into(CANARY)
    assert (done.tally.drifted, done.tally.failed, done.tally.healthy, done.tally.harmed) == (300, 6, 50, 0)
    passed = [raw for events in blocks for raw in events[1:-1]]
    assert [event.raw for event in replay.events] == passed + block("n", range(300, 350))
    assert len(done.tally.latencies_ms) == 350
    assert [(failure.stage, failure.count) for failure in done.failures] == [("Act", 6)]


async def test_events_in_the_stages_are_not_told_as_replayed() -> None:
    """While it runs, a drifted event counts only once its stages are through: none seems to have passed that fails."""
    async with replaying() as replay:
        for start in (0, 100, 200):
            await replay.drifted(block("m", range(start, start + 100), *range(start, start + 100)))
            so_far = replay.into(CANARY).tally
            assert so_far.failed == so_far.drifted < start + 100
        await replay.finish()
        assert replay.into(CANARY).tally.failed == replay.into(CANARY).tally.drifted == 300


async def test_a_replay_that_is_given_up_leaves_nothing_behind() -> None:
    """What is dropped has no task left and counts nothing, and the next block goes through the same stages."""
    async with replaying() as replay:
        before = asyncio.all_tasks()
        await replay.drifted(block("m", range(200)))
        running = asyncio.all_tasks() - before
        assert running
        replay.drop()
        await asyncio.wait(running)
        assert asyncio.all_tasks() == before
        await replay.drifted(block("m", range(200, 300)))
        await replay.finish()
        assert replay.into(CANARY).tally.drifted == 100
