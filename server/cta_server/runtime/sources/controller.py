"""The sources of a server: started, paced, watched and stopped, with the faults that sit on them.

Decides when a batch is sent and what a source's end means. What becomes of the events is for the `feed` that it is
given: gate, stages and quarantine. A source that fails is FAILED with the reason and harms nothing else. Called by
the gRPC services of sources and faults, and by the runtime at its end.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import structlog

from cta_core.errors import CtaError, InvalidInput, Violation
from cta_server.runtime.errors import Kind, NotFound, SourceRunning
from cta_server.runtime.faults import FaultKind, FaultSpec, FaultStatus, compile_fault, fault_kinds
from cta_server.runtime.sources.entry import Entry
from cta_server.runtime.sources.pace import Pace
from cta_server.runtime.sources.producer import Producer, open_producer, sample
from cta_server.runtime.sources.source import FeedCounts, SourceSpec, SourceState, SourceStatus
from cta_server.runtime.sources.timer import LoopTimer, Timer

T = TypeVar("T")

Feed = Callable[[str, Sequence[bytes], Sequence[str]], Awaitable[FeedCounts]]
"""Takes a stream's id, events and their ids through gate and stages; raises if it took none of them."""

_MAX_SOURCES: Final = 200
"""Sources kept, running or not; the oldest that ended is forgotten for a new one. More than a person can look at."""
_MAX_FAULTS: Final = 32
"""Faults on one source: as many as there are kinds, with room."""
_REMEMBERED: Final = 1000
"""Requests whose repeats are known. A client retries within seconds."""
_WATCH_S: Final = 0.5
"""Time between two statuses of a watch: twice as often as a reader is promised."""


class SourceController:
    """All sources of a server."""

    def __init__(
        self,
        *,
        feed: Feed,
        folder: Path | None,
        new_id: Callable[[str], str],
        clock: Callable[[], float],
        timer: Timer | None = None,
    ) -> None:
        self._feed, self._folder, self._new_id, self._clock = feed, folder, new_id, clock
        self._timer: Timer = timer or LoopTimer()
        self._sources: dict[str, Entry] = {}
        self._requests: OrderedDict[str, str] = OrderedDict()
        # Two threads: one long read of a file must not stop all generators.
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="sources")
        self._log = structlog.get_logger()

    async def start(self, spec: SourceSpec, *, request_id: str = "") -> SourceStatus:
        """Start a new source, or one that ended where it stopped.

        A restart may change rate and limit only, and takes everything from the former start when no stream is named.
        A repeat of a known `request_id` returns the source as it is. Raises `InvalidInput`, `NotFound` (source, or
        stream by way of the feed) and `SourceRunning`.
        """
        if request_id and request_id in self._requests:
            return self.get(self._requests[request_id])
        source = self._restarted(spec) if spec.source_id else await self._made(spec)
        if request_id:
            self._requests[request_id] = source.spec.source_id
            if len(self._requests) > _REMEMBERED:
                self._requests.popitem(last=False)
        source.begin(self._clock(), self._timer.now())
        name = f"source/{source.spec.source_id}"
        # An empty context: what the source logs for hours is not said by the call that started it.
        source.task = asyncio.create_task(self._run(source), name=name, context=Context())
        return self._status(source)

    async def stop(self, source_id: str) -> SourceStatus:
        """Stop a source; the batch that is on its way still arrives. Stopping one that ended changes nothing."""
        source = self._source(source_id)
        await self._end(source)
        return self._status(source)

    def get(self, source_id: str) -> SourceStatus:
        """A source as it is now."""
        return self._status(self._source(source_id))

    def list(self, stream_id: str = "") -> tuple[SourceStatus, ...]:
        """The sources of a stream, or all, newest first."""
        found = [self._status(source) for source in self._sources.values() if stream_id in ("", source.spec.stream_id)]
        return tuple(reversed(found))

    def feeds(self, stream_id: str) -> bool:
        """Whether a source that runs feeds the stream."""
        return any(source.running and source.spec.stream_id == stream_id for source in self._sources.values())

    async def watch(self, source_id: str) -> AsyncIterator[SourceStatus]:
        """The source's status, now and at least every second, until it ends; the last one says how."""
        source = self._source(source_id)
        while source.running:
            yield self._status(source)
            await asyncio.wait({source.ended}, timeout=_WATCH_S)
        yield self._status(source)

    async def inject(self, spec: FaultSpec) -> FaultStatus:
        """Put a fault on a source, behind those that sit there. `InvalidInput` names what does not fit, and what
        would.
        """
        source = self._source(spec.source_id)
        if len(source.faults) >= _MAX_FAULTS:
            raise InvalidInput.of("source_id", f"the source has {_MAX_FAULTS} faults; clear some first")
        before = [fault for _, fault in source.faults]
        events = await self._off_loop(partial(sample, source.spec, self._folder, source, before))
        fault = await self._off_loop(partial(compile_fault, spec, events))
        status = FaultStatus(
            fault_id=self._new_id("flt"), spec=fault.spec, words=fault.words, create_time=self._clock()
        )
        source.faults.append((status, fault))
        return status

    def faults(self, source_id: str = "") -> tuple[FaultStatus, ...]:
        """The faults of a source, or all, in the order in which they are applied."""
        sources = [self._source(source_id)] if source_id else list(self._sources.values())
        return tuple(status for source in sources for status, _ in source.faults)

    def clear(self, *, fault_id: str = "", source_id: str = "") -> int:
        """Take out one fault, or all of a source, or all; says how many."""
        sources = [self._source(source_id)] if source_id else list(self._sources.values())
        cleared = 0
        for source in sources:
            kept = [(status, fault) for status, fault in source.faults if fault_id not in ("", status.fault_id)]
            cleared += len(source.faults) - len(kept)
            source.faults = kept
        if fault_id and not cleared:
            raise NotFound(Kind.FAULT, fault_id)
        return cleared

    def fault_kinds(self) -> tuple[FaultKind, ...]:
        """The kinds of faults that can be injected."""
        return fault_kinds()

    async def close(self) -> None:
        """Stop all sources."""
        await asyncio.gather(*(self._end(source) for source in self._sources.values()))
        self._threads.shutdown(wait=False)

    def _source(self, source_id: str) -> Entry:
        source = self._sources.get(source_id)
        if source is None:
            raise NotFound(Kind.SOURCE, source_id)
        return source

    async def _made(self, spec: SourceSpec) -> Entry:
        spec.check()
        await self._feed(spec.stream_id, (), ())  # raises if there is no such stream
        source = Entry(msgspec.structs.replace(spec, source_id=self._new_id("src")))
        producer = open_producer(source.spec, self._folder, source)
        try:
            await self._off_loop(partial(producer.make, 0, ()))  # raises if there is no such file
        finally:
            producer.close()
        self._make_room()
        self._sources[source.spec.source_id] = source
        return source

    def _restarted(self, spec: SourceSpec) -> Entry:
        source = self._source(spec.source_id)
        if source.running:
            raise SourceRunning(spec.source_id)
        if spec.stream_id:
            spec.check()
            fixed = ("stream_id", "kind", "population", "file", "seed")
            changed = [name for name in fixed if getattr(spec, name) != getattr(source.spec, name)]
            if changed:
                raise InvalidInput(
                    [Violation(name, "cannot change in a restart; start a new source") for name in changed]
                )
            source.spec = spec
        return source

    def _make_room(self) -> None:
        while len(self._sources) >= _MAX_SOURCES:
            ended = next((key for key, source in self._sources.items() if not source.running), None)
            if ended is None:
                raise InvalidInput.of("source_id", f"{_MAX_SOURCES} sources run; stop one first")
            del self._sources[ended]

    async def _run(self, source: Entry) -> None:
        """Send until the source is stopped, has no more events, or fails."""
        producer = open_producer(source.spec, self._folder, source)
        try:
            source.end(await self._send_all(source, producer))
        except asyncio.CancelledError:
            source.end(SourceState.STOPPED)
            raise
        except CtaError as error:
            source.end(SourceState.FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - whatever fails is this source's failure and nobody else's
            self._log.exception("source failed", source_id=source.spec.source_id, stream_id=source.spec.stream_id)
            source.end(SourceState.FAILED, f"{type(error).__name__}: {error}"[:300])
        finally:
            producer.close()

    async def _send_all(self, source: Entry, producer: Producer) -> SourceState:
        spec = source.spec
        pace = Pace(spec.rate, self._timer.now())
        while not spec.limit or source.sent < spec.limit:
            if (wait := pace.wait(self._timer.now())) > 0:
                await self._timer.sleep(wait)
                continue
            count = pace.take(self._timer.now())
            if spec.limit:
                count = min(count, spec.limit - source.sent)
            faults = [fault for _, fault in source.faults]
            events = await self._off_loop(partial(producer.make, count, faults))
            if not events:
                break
            await _to_the_end(self._send(source, producer.offset, events))
        return SourceState.FINISHED

    async def _send(self, source: Entry, offset: int, events: Sequence[bytes]) -> None:
        spec = source.spec
        ids = [f"{spec.source_id}-{number}" for number in range(source.sent, source.sent + len(events))]
        counts = await self._feed(spec.stream_id, events, ids)
        source.count(len(events), counts, offset, self._timer.now())

    async def _end(self, source: Entry) -> None:
        task = source.task
        if task is not None and not task.done():
            if not task.cancelling():  # once: a second time would cut off what is on its way
                task.cancel()
            await asyncio.wait({task})
            if source.running:  # it was cancelled before it ran at all
                source.end(SourceState.STOPPED)

    async def _off_loop(self, work: Callable[[], T]) -> T:
        """Run blocking work on a thread, to its end even when the source is stopped meanwhile."""
        return await _to_the_end(asyncio.get_running_loop().run_in_executor(self._threads, work))

    def _status(self, source: Entry) -> SourceStatus:
        return source.status(self._timer.now())


async def _to_the_end(work: Awaitable[T]) -> T:
    """Wait for work that is not to be cut off in the middle: a cancellation takes effect after it."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task})
        raise
