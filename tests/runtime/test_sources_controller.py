"""Sources: started, paced, stopped and restarted, whatever the feed does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path

import msgspec
import pytest

from cta_core.errors import InvalidInput
from cta_server.runtime.errors import Kind, NotFound, QuarantineFull, SourceRunning
from cta_server.runtime.faults import FaultSpec
from cta_server.runtime.sources.controller import SourceController
from cta_server.runtime.sources.populations import POPULATIONS
from cta_server.runtime.sources.source import FeedCounts, SourceKind, SourceSpec, SourceState


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        """The time."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Move on, and let others run."""
        self.seconds += seconds
        await asyncio.sleep(0)


class Stream:
    """Takes what sources feed, as the gate would: one stream, every fifth event quarantined."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.ids: list[str] = []
        self.batches: list[int] = []
        self.before: Callable[[], Awaitable[None]] | None = None
        """Awaited before events are taken; may raise."""

    async def feed(self, stream_id: str, events: Sequence[bytes], event_ids: Sequence[str]) -> FeedCounts:
        """Take events."""
        if stream_id != "payments":
            raise NotFound(Kind.STREAM, stream_id)
        if not events:
            return FeedCounts()
        if self.before is not None:
            await self.before()
        self.events += events
        self.ids += event_ids
        self.batches.append(len(events))
        return FeedCounts(healthy=len(events) - len(events) // 5, quarantined=len(events) // 5)


@pytest.fixture
def stream() -> Stream:
    """A stream."""
    return Stream()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one file of a thousand lines."""
    lines = [msgspec.json.encode({"n": n, "amount": n / 4, "name": "x"}) for n in range(1000)]
    (tmp_path / "numbers.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return tmp_path


@pytest.fixture
async def sources(stream: Stream, folder: Path) -> AsyncIterator[SourceController]:
    """A controller on a clock of its own."""
    numbers = count(1)
    controller = SourceController(
        feed=stream.feed,
        folder=folder,
        new_id=lambda prefix: f"{prefix}_{next(numbers)}",
        clock=lambda: 77.0,
        timer=Time(),
    )
    yield controller
    await controller.close()


def payments(**changes: object) -> SourceSpec:
    """A source of payments."""
    return msgspec.structs.replace(SourceSpec(stream_id="payments", population="payments", seed=5), **changes)


async def ended(sources: SourceController, source_id: str) -> SourceState:
    """How a source ends."""
    states = [status.state async for status in sources.watch(source_id)]
    return states[-1]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other tasks bring about."""
    while not condition():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0)


async def test_a_limited_source_sends_exactly_its_limit(sources: SourceController, stream: Stream) -> None:
    """The events are the population's, in order, with ids that count, and the status counts what became of them."""
    started = await sources.start(payments(limit=1234))
    assert (started.state, started.start_time, started.sent) == (SourceState.RUNNING, 77.0, 0)
    assert await ended(sources, "src_1") is SourceState.FINISHED
    expected = [e for e, _ in zip(POPULATIONS["payments"].events(5), range(1234), strict=False)]
    assert [msgspec.json.decode(raw) for raw in stream.events] == expected
    assert stream.ids == [f"src_1-{n}" for n in range(1234)]
    assert stream.batches == [500, 500, 234]
    status = sources.get("src_1")
    assert (status.sent, status.healthy, status.quarantined) == (1234, 988, 246)


async def test_a_rate_paces_the_batches(sources: SourceController, stream: Stream) -> None:
    """A source of 1,000 events a second sends 25 events each 25 ms of its clock, and measures its own rate."""
    await sources.start(payments(rate=1000.0, limit=5000))
    await until(lambda: len(stream.events) > 4000)
    assert 900 <= sources.get("src_1").measured_rate <= 1100
    assert await ended(sources, "src_1") is SourceState.FINISHED
    assert set(stream.batches[1:-1]) == {25}


async def test_a_stopped_source_goes_on_where_it_stopped(sources: SourceController, stream: Stream) -> None:
    """After stop and restart the ids count on, no event is left out or sent twice, and the counts are kept."""
    await sources.start(payments(rate=100.0))
    await until(lambda: len(stream.events) > 20)
    stopped = await sources.stop("src_1")
    assert stopped.state is SourceState.STOPPED
    assert stopped.sent == len(stream.events)
    assert await sources.stop("src_1") == stopped
    restarted = await sources.start(SourceSpec(source_id="src_1"))
    assert (restarted.state, restarted.sent) == (SourceState.RUNNING, stopped.sent)
    await until(lambda: len(stream.events) > stopped.sent + 20)
    await sources.stop("src_1")
    assert stream.ids == [f"src_1-{n}" for n in range(len(stream.ids))]
    expected = [e for e, _ in zip(POPULATIONS["payments"].events(5), stream.ids, strict=False)]
    assert [msgspec.json.decode(raw) for raw in stream.events] == expected


async def test_stopping_lets_the_batch_arrive(sources: SourceController, stream: Stream) -> None:
    """A batch that is on its way when the source is stopped is taken and counted."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        begun.set()
        await go_on.wait()

    stream.before = slowly
    await sources.start(payments())
    await begun.wait()
    stopping = asyncio.create_task(sources.stop("src_1"))
    await asyncio.sleep(0)
    assert not stopping.done()
    go_on.set()
    assert (await stopping).sent == len(stream.events) == 500


async def test_a_running_source_is_not_started_twice(sources: SourceController) -> None:
    """Starting a source that runs is refused; a repeated request is answered with the source it made."""
    await sources.start(payments(rate=1.0), request_id="r1")
    assert (await sources.start(payments(rate=1.0), request_id="r1")).spec.source_id == "src_1"
    with pytest.raises(SourceRunning):
        await sources.start(SourceSpec(source_id="src_1"))
    assert len(sources.list()) == 1


async def test_a_restart_may_change_rate_and_limit_only(sources: SourceController, stream: Stream) -> None:
    """Another seed or population would make other events under known ids: refused, and each field is named."""
    await sources.start(payments(limit=10))
    await ended(sources, "src_1")
    with pytest.raises(InvalidInput) as caught:
        await sources.start(payments(source_id="src_1", seed=6, population="orders"))
    assert [v.field for v in caught.value.violations] == ["population", "seed"]
    await sources.start(payments(source_id="src_1", limit=15))
    assert await ended(sources, "src_1") is SourceState.FINISHED
    assert len(stream.events) == 15


async def test_a_failing_feed_fails_the_source_alone(sources: SourceController, stream: Stream) -> None:
    """A feed that raises leaves the source FAILED with the reason; others run on, and a restart sends the batch
    again.
    """

    async def full() -> None:
        raise QuarantineFull("payments", 10)

    await sources.start(payments(limit=600))
    await ended(sources, "src_1")
    stream.before = full
    await sources.start(payments(limit=700))
    assert await ended(sources, "src_2") is SourceState.FAILED
    assert "quarantine of 'payments' holds its limit" in sources.get("src_2").error
    stream.before = None
    restarted = await sources.start(SourceSpec(source_id="src_2"))
    assert restarted.error == ""
    assert await ended(sources, "src_2") is SourceState.FINISHED
    assert stream.ids[600:] == [f"src_2-{n}" for n in range(700)]


async def test_a_bug_in_the_feed_is_told_and_survived(sources: SourceController, stream: Stream) -> None:
    """Even an error that nobody foresaw ends only this source, with its class and words."""

    async def broken() -> None:
        raise ZeroDivisionError("oops")

    stream.before = broken
    await sources.start(payments())
    assert await ended(sources, "src_1") is SourceState.FAILED
    assert sources.get("src_1").error == "ZeroDivisionError: oops"


async def test_a_file_is_replayed_line_by_line(sources: SourceController, stream: Stream, folder: Path) -> None:
    """A file source sends every line as it stands, goes on after a restart, and finishes at the end of the file."""
    lines = (folder / "numbers.jsonl").read_bytes().splitlines()
    spec = SourceSpec(stream_id="payments", kind=SourceKind.FILE, file="numbers.jsonl", limit=700)
    await sources.start(spec)
    assert await ended(sources, "src_1") is SourceState.FINISHED
    assert stream.events == lines[:700]
    await sources.start(msgspec.structs.replace(spec, source_id="src_1", limit=0))
    assert await ended(sources, "src_1") is SourceState.FINISHED
    assert stream.events == lines
    assert stream.ids == [f"src_1-{n}" for n in range(1000)]


async def test_unreadable_lines_reach_the_gate(sources: SourceController, stream: Stream, folder: Path) -> None:
    """Lines that are no events pass untouched, also under a fault, which changes the others."""
    (folder / "odd.jsonl").write_bytes(b'{"amount":1.5}\n{broken\n\xff\n[1]\n{"amount":2.5}\n')
    spec = SourceSpec(stream_id="payments", kind=SourceKind.FILE, file="odd.jsonl", rate=0.001)
    await sources.start(spec)
    await until(lambda: len(stream.events) == 5)
    stream.events.clear()
    await sources.start(spec)
    await sources.inject(FaultSpec(source_id="src_2", kind="rename", path="/amount", parameters={"to": "amt"}))
    await until(lambda: len(stream.events) == 5)
    assert stream.events[1:4] == [b"{broken", b"\xff", b"[1]"]
    assert stream.events[4] == b'{"amt":2.5}'


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        (SourceSpec(), ["stream_id", "population"]),
        (SourceSpec(stream_id="payments", population="nobody"), ["population"]),
        (SourceSpec(stream_id="payments", population="orders", file="x"), ["file"]),
        (SourceSpec(stream_id="payments", kind=SourceKind.FILE), ["file"]),
        (SourceSpec(stream_id="payments", kind=SourceKind.FILE, file="../x"), ["file"]),
        (SourceSpec(stream_id="payments", kind=SourceKind.FILE, file="gone.jsonl"), ["file"]),
        (SourceSpec(stream_id="payments", kind=SourceKind.FILE, file="a", population="orders"), ["population"]),
        (SourceSpec(stream_id="payments", population="orders", rate=-1.0, limit=-1), ["rate", "limit"]),
        (SourceSpec(stream_id="payments", population="orders", rate=float("nan")), ["rate"]),
    ],
)
async def test_what_cannot_be_sent_is_refused(sources: SourceController, spec: SourceSpec, fields: list[str]) -> None:
    """A source that makes no sense is refused with all fields named, and is not there afterwards."""
    with pytest.raises(InvalidInput) as caught:
        await sources.start(spec)
    assert [violation.field for violation in caught.value.violations] == fields
    assert sources.list() == ()


async def test_unknown_things_are_not_found(sources: SourceController) -> None:
    """Unknown streams, sources and faults are told by kind and id."""
    with pytest.raises(NotFound) as caught:
        await sources.start(payments(stream_id="nowhere"))
    assert (caught.value.kind, caught.value.id) == (Kind.STREAM, "nowhere")
    for call in (
        lambda: sources.get("src_9"),
        lambda: sources.faults("src_9"),
        lambda: sources.clear(source_id="src_9"),
    ):
        with pytest.raises(NotFound, match="source"):
            call()
    with pytest.raises(NotFound, match="fault"):
        sources.clear(fault_id="flt_9")
    with pytest.raises(NotFound, match="source"):
        await sources.start(SourceSpec(source_id="src_9"))
    with pytest.raises(NotFound, match="source"):
        await sources.stop("src_9")


async def test_lists_are_newest_first_and_by_stream(sources: SourceController) -> None:
    """All sources, or those of one stream; and whether a stream is fed."""
    assert not sources.feeds("payments")
    for seed in (1, 2, 3):
        await sources.start(payments(seed=seed, rate=1.0))
    assert [status.spec.source_id for status in sources.list()] == ["src_3", "src_2", "src_1"]
    assert sources.list("other") == ()
    assert sources.feeds("payments")
    assert not sources.feeds("other")
    await sources.close()
    assert {status.state for status in sources.list()} == {SourceState.STOPPED}
    assert not sources.feeds("payments")


async def test_faults_compose_in_order_and_can_be_cleared(sources: SourceController, stream: Stream) -> None:
    """Later faults see what earlier ones made; clearing takes effect with the next batch."""
    await sources.start(payments(rate=20.0))
    one = await sources.inject(FaultSpec(source_id="src_1", kind="rename", path="/amount", parameters={"to": "amt"}))
    two = await sources.inject(FaultSpec(source_id="src_1", kind="cast", path="/amt"))
    assert [status.fault_id for status in sources.faults()] == [one.fault_id, two.fault_id]
    assert [status.words for status in sources.faults("src_1")] == ["rename /amount to /amt", "cast /amt to string"]
    seen = len(stream.events) + 1
    await until(lambda: len(stream.events) > seen)
    event = msgspec.json.decode(stream.events[-1])
    assert isinstance(event["amt"], str)
    assert "amount" not in event
    assert sources.clear(fault_id=two.fault_id) == 1
    assert sources.clear() == 1
    seen = len(stream.events) + 1
    await until(lambda: len(stream.events) > seen)
    assert isinstance(msgspec.json.decode(stream.events[-1])["amount"], float)


async def test_a_watch_tells_the_end(sources: SourceController) -> None:
    """A watch begins with the status as it is and ends with the last one; of an ended source it is one message."""
    await sources.start(payments(limit=1000))
    states = [status.state async for status in sources.watch("src_1")]
    assert states[0] is SourceState.RUNNING
    assert states[-1] is SourceState.FINISHED
    assert [status.state async for status in sources.watch("src_1")] == [SourceState.FINISHED]


async def test_closing_ends_watches_and_tasks(sources: SourceController) -> None:
    """After close nothing of a source runs any more."""
    await sources.start(payments(rate=1.0))
    watching = asyncio.create_task(ended(sources, "src_1"))
    await asyncio.sleep(0)
    await sources.close()
    assert await watching is SourceState.STOPPED
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert not any(name.startswith("source/") for name in names)


async def test_old_ended_sources_make_room(sources: SourceController) -> None:
    """Only so many sources are kept: the oldest that ended is forgotten for a new one, a running one never."""
    await sources.start(payments(rate=0.001))
    for _ in range(205):
        started = await sources.start(payments(limit=1))
        await ended(sources, started.spec.source_id)
    kept = [status.spec.source_id for status in sources.list()]
    assert len(kept) == 200
    assert kept[-1] == "src_1"
    with contextlib.suppress(NotFound):
        sources.get("src_2")
        pytest.fail("the oldest ended source is still there")
