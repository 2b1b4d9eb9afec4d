"""The janitor and changed masks, over a whole runtime."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from cta_core.errors import InvalidInput
from cta_core.incident import Incident
from cta_core.privacy import Mask, Method
from cta_core.quarantine import HeldState
from cta_core.run import Run
from cta_core.stream import Policy, Stream
from cta_server.runtime.errors import NoBaseline
from cta_server.runtime.retention import Janitor
from cta_server.runtime.runtime import Runtime
from helpers.loop import eventually, running, send, stream
from helpers.payments import CONTRACT, healthy, renamed

DAY = 86400.0


_numbers = itertools.count()

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runtime(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Runtime]:
    """A runtime for all tests that need no restart; each has a stream of its own."""
    async with running(tmp_path_factory.mktemp("store")) as started:
        yield started


@pytest.fixture
def name() -> str:
    """A fresh stream id."""
    return f"payments-{next(_numbers)}"


class Clock:
    """A clock that a test sets."""

    def __init__(self, runtime: Runtime) -> None:
        self.now = runtime.clock()
        self.janitor = Janitor(
            storage=runtime.storage, detector=runtime.detector, remasker=runtime.remasker, clock=lambda: self.now
        )

    async def later(self, seconds: float) -> None:
        """Time passes, and the janitor takes a turn."""
        self.now += seconds
        await self.janitor.turn()


async def recent(runtime: Runtime, stream_id: str) -> int:
    """How many recent events there are."""
    return len(await runtime.samples.recent(stream_id, 10_000))


async def policy(runtime: Runtime, name: str, **values: float) -> None:
    """Sets ages."""

    def change(old: Stream) -> Stream:
        return msgspec.structs.replace(old, policy=msgspec.structs.replace(old.policy, **values))

    await runtime.streams.update(name, change)


async def mask(runtime: Runtime, name: str, *masks: Mask) -> Stream:
    """Sets masks."""
    return await runtime.streams.update(name, lambda old: msgspec.structs.replace(old, masks=masks))


async def test_recent_events_go_at_their_age(runtime: Runtime, name: str) -> None:
    """What the janitor saw so long ago goes, what came since stays, and without an age nothing goes."""
    await stream(runtime, name)
    await send(runtime, healthy(50), name)
    clock = Clock(runtime)
    await clock.later(100 * DAY)
    assert await recent(runtime, name) == 50
    await policy(runtime, name, keep_events_seconds=7 * DAY)
    await clock.later(0)
    await clock.later(6 * DAY)
    await send(runtime, healthy(20, 100), name)
    await clock.later(3600)
    assert await recent(runtime, name) == 70
    await clock.later(DAY)
    assert await recent(runtime, name) == 20
    await clock.later(7 * DAY)
    assert await recent(runtime, name) == 0
    await send(runtime, healthy(5, 200), name)
    await clock.later(3600)
    assert await recent(runtime, name) == 5


async def test_redriven_events_are_emptied_at_their_age_and_held_ones_are_not(runtime: Runtime, name: str) -> None:
    """After the redrive plus `keep_delivered` the payload is gone; what waits stays whole for ever."""
    await stream(runtime, name, keep_delivered_seconds=DAY)
    await send(runtime, renamed(320), name)
    journal = runtime.storage.journal

    async def redriven() -> int:
        count = journal.count_held
        return await runtime.storage.journaled(count, stream_id=name, state=HeldState.REDRIVEN)

    await eventually(redriven, lambda count: count == 320)
    await send(runtime, [b'{"id":"broken"}'], name)
    clock = Clock(runtime)
    await clock.later(DAY / 2)
    assert len(await runtime.storage.journaled(journal.list_deliveries, stream_id=name)) == 320
    await clock.later(100 * DAY)
    assert await runtime.storage.journaled(journal.list_deliveries, stream_id=name) == []
    assert await redriven() == 320
    assert await runtime.samples.held(10, stream_id=name) == [b'{"id":"broken"}']
    decisions = await runtime.storage.journaled(journal.list_decisions, stream_id=name, limit=1)
    assert (decisions[0].action, decisions[0].why[:3]) == ("erase", "320")


async def test_history_goes_at_its_age_but_not_under_an_open_incident(runtime: Runtime, name: str) -> None:
    """Runs older than the age go; while an incident is open, nothing that is newer than it does."""
    await stream(runtime, name, keep_history_seconds=DAY)
    archive = runtime.storage.archive

    async def record() -> None:
        run = Run(run_id=runtime.ids.new("run"), stream_id=name)
        await runtime.storage.archived(archive.put_run, run)

    async def runs() -> int:
        return len(await runtime.storage.archived(archive.list_runs, stream_id=name))

    await record()
    clock = Clock(runtime)
    opened = Incident(incident_id="inc_open", stream_id=name, create_time=runtime.clock() - 60)
    runtime.detector.changed(opened)
    await clock.later(30 * DAY)
    assert await runs() == 1
    runtime.detector.forget(name)
    await clock.later(DAY)
    assert await runs() == 0


async def test_masks_that_are_added_reach_what_is_stored(runtime: Runtime, name: str) -> None:
    """Recent events go, the baseline becomes copies, and new events follow: an analysis goes on with it."""
    await stream(runtime, name)
    await send(runtime, healthy(50), name)
    changed = await mask(runtime, name, Mask(path="/merchant"))
    assert await recent(runtime, name) == 0
    before, after = healthy(400), await runtime.samples.baseline(name, 400)
    assert len(after) == 400
    for old, new in zip(before, after, strict=True):
        was, now = json.loads(old), json.loads(new)
        assert now["merchant"] != was["merchant"]
        assert len(now["merchant"]) == len(was["merchant"])
        assert now["amount"] == was["amount"]
    assert set((await runtime.streams.get(name)).masked) == set(changed.masks)
    await send(runtime, healthy(5), name)
    assert [event.raw for event in reversed(await runtime.samples.recent(name, 10))] == after[:5]


async def test_a_copy_cannot_be_unmasked_so_the_baseline_is_learned_anew(runtime: Runtime, name: str) -> None:
    """When a mask is taken away or changed, the baseline goes; the next healthy events make another one."""
    await stream(runtime, name)
    await mask(runtime, name, Mask(path="/merchant"))
    await mask(runtime, name, Mask(path="/merchant", method=Method.DROP))
    with pytest.raises(NoBaseline):
        await runtime.streams.profile(name)
    await send(runtime, healthy(300), name)

    async def learned() -> bool:
        return bool((await runtime.streams.get(name)).learned)

    await eventually(learned, bool)
    assert all("merchant" not in json.loads(raw) for raw in await runtime.samples.baseline(name, 10))


async def test_a_changed_contract_of_a_masked_stream_is_learned_anew(runtime: Runtime, name: str) -> None:
    """Which members are hidden follows from the contract: copies made under another one are not compared with."""
    await stream(runtime, name)
    await mask(runtime, name, Mask(path="/merchant"))
    wider = {**CONTRACT, "properties": {**CONTRACT["properties"], "country": {"type": "string"}}}
    await runtime.streams.update(name, lambda old: msgspec.structs.replace(old, contract=json.dumps(wider).encode()))
    assert await runtime.samples.baseline(name, 10) == []


async def test_a_contract_is_learned_without_what_is_dropped_and_with_what_is_hashed(
    runtime: Runtime, name: str
) -> None:
    """A stream that is masked from its first event learns from copies: of a dropped field nothing."""
    masks = (Mask(path="/merchant"), Mask(path="/method", method=Method.DROP))
    await runtime.streams.create(Stream(stream_id=name, policy=Policy(), masks=masks))
    await send(runtime, healthy(50), name)
    learned, count = await runtime.streams.learn(name)
    assert count == 50
    fields = json.loads(learned.learned)["properties"]
    assert fields["merchant"] == {"type": "string"}
    assert "method" not in fields
    assert (await send(runtime, healthy(10, 50), name)).results[0].kind == "HEALTHY"
    with pytest.raises(InvalidInput, match="events"):
        await runtime.streams.learn(name)


async def test_a_restart_goes_on_where_the_former_server_ended(tmp_path: Path) -> None:
    """Ages count on, disguises stay the same, and copies that a kill left behind their masks are brought up to them."""
    async with running(tmp_path) as first:
        await stream(first, "aged", keep_events_seconds=7 * DAY)
        await send(first, healthy(50), "aged")
        clock = Clock(first)
        await clock.later(0)
        seen = clock.now
        await stream(first, "hidden")
        await mask(first, "hidden", Mask(path="/merchant"))
        await send(first, healthy(1), "hidden")
        disguise = (await first.samples.recent("hidden", 1))[0].raw
        made = await stream(first, "killed")
        await send(first, healthy(20), "killed")
        fresh = msgspec.structs.replace(made, masks=(Mask(path="/merchant"),))
        await first.storage.journaled(first.storage.journal.put_stream, fresh, expected=-1)
    async with running(tmp_path) as second:

        async def masked() -> int:
            return len((await second.streams.get("killed")).masked)

        await eventually(masked, bool)
        assert await recent(second, "killed") == 0
        raw = (await second.samples.baseline("killed", 1))[0]
        assert json.loads(raw)["merchant"] != json.loads(healthy(1)[0])["merchant"]
        await send(second, healthy(1), "hidden")
        assert (await second.samples.recent("hidden", 1))[0].raw == disguise
        clock = Clock(second)
        clock.now = seen
        await clock.later(8 * DAY)
        assert await recent(second, "aged") == 0
