"""The runtime: every part of the loop, built once, started after recovery and stopped in order.

This is the only module of the runtime that knows all parts; each part knows only what it was given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from cta_core.machine import Halted
from cta_server.runtime.adapters import Adapters
from cta_server.runtime.adviser import Adviser
from cta_server.runtime.analyst import Analyst
from cta_server.runtime.bakes import Bakes
from cta_server.runtime.batch import Incoming
from cta_server.runtime.canaries import Canaries
from cta_server.runtime.detector import Detector
from cta_server.runtime.effects import Effects
from cta_server.runtime.errors import NotFound
from cta_server.runtime.gates import Gates, StreamGate
from cta_server.runtime.healer import Healer
from cta_server.runtime.held import QuarantineView
from cta_server.runtime.hub import Hub
from cta_server.runtime.ids import Ids
from cta_server.runtime.incidents import Incidents
from cta_server.runtime.intake import Intake
from cta_server.runtime.investigation import Investigation
from cta_server.runtime.memory import Memory
from cta_server.runtime.notify.webhooks import Webhooks
from cta_server.runtime.offers import Offers
from cta_server.runtime.post_mortem import PostMortem
from cta_server.runtime.progress import Progress
from cta_server.runtime.proving import Proving
from cta_server.runtime.redriver import Redriver
from cta_server.runtime.remasking import Remasker
from cta_server.runtime.retention import Janitor
from cta_server.runtime.runs import Runs
from cta_server.runtime.samples import Samples
from cta_server.runtime.silent import SilentWatch
from cta_server.runtime.sources.controller import SourceController
from cta_server.runtime.sources.source import FeedCounts
from cta_server.runtime.stages.pool import StagePool
from cta_server.runtime.stages.spec import ConsumerSpec
from cta_server.runtime.storage import Storage
from cta_server.runtime.streams import Streams
from cta_server.runtime.system import System
from cta_server.runtime.tasks import Tasks
from cta_server.runtime.traces import Traces

log = structlog.get_logger(__name__)


class Runtime:
    """The loop at work."""

    def __init__(
        self,
        *,
        storage: Storage,
        consumers: Mapping[str, ConsumerSpec],
        sources_folder: Path | None,
        clock: Callable[[], float],
        adviser: Adviser | None = None,
        word_vectors: str = "",
        webhooks: Webhooks | None = None,
        settle_seconds: float = 6.0,
        wait_seconds: float = 60.0,
    ) -> None:
        self.storage, self.clock = storage, clock
        self.draining = asyncio.Event()
        self.ready = False
        """Recovery is done."""
        self._adviser = adviser
        self.webhooks = webhooks
        self._tasks = Tasks()
        self._late: set[str] = set()
        self.ids = Ids(clock)
        self.hub = Hub()
        self.progress = Progress()
        self.gates = Gates(storage)
        self.detector = Detector()
        self.samples = Samples(storage)
        self.stages = StagePool(consumers)
        self.quarantine = QuarantineView(storage=storage, gates=self.gates, clock=clock)
        self.remasker = Remasker(storage=storage, gates=self.gates)
        self.janitor = Janitor(storage=storage, detector=self.detector, remasker=self.remasker, clock=clock)
        self.system = System(storage=storage, gates=self.gates, detector=self.detector, clock=clock)
        self.runs = Runs(storage=storage, hub=self.hub, ids=self.ids, clock=clock)
        self.intake = Intake(
            storage=storage,
            gates=self.gates,
            detector=self.detector,
            hub=self.hub,
            ids=self.ids,
            stages=self.stages,
            runs=self.runs,
            clock=clock,
        )
        self.analyst = Analyst(
            storage=storage,
            gates=self.gates,
            samples=self.samples,
            ids=self.ids,
            clock=clock,
            word_vectors=word_vectors,
        )
        self.post_mortem = PostMortem(storage=storage, gates=self.gates, analyst=self.analyst, stages=self.stages)
        self.memory = Memory(storage=storage, ids=self.ids, clock=clock)
        self.offers = Offers(storage)
        self.proving = Proving(offers=self.offers, ids=self.ids, halted=self._halted)
        self.canaries = Canaries(
            storage=storage,
            gates=self.gates,
            samples=self.samples,
            analyst=self.analyst,
            stages=self.stages,
            proving=self.proving,
            ids=self.ids,
            clock=clock,
        )
        self.redriver = Redriver(
            storage=storage,
            gates=self.gates,
            hub=self.hub,
            stages=self.stages,
            runs=self.runs,
            intake=self.intake,
            halted=self._halted,
            clock=clock,
        )
        self.investigation = Investigation(
            storage=storage,
            gates=self.gates,
            analyst=self.analyst,
            samples=self.samples,
            memory=self.memory,
            ids=self.ids,
            clock=clock,
            adviser=adviser,
        )
        self.bakes = Bakes()
        self.healer = Healer(
            storage=storage,
            gates=self.gates,
            detector=self.detector,
            hub=self.hub,
            ids=self.ids,
            bakes=self.bakes,
            tasks=self._tasks,
            halted=self._halted,
            clock=clock,
        )
        self.effects = Effects(
            storage=storage,
            gates=self.gates,
            samples=self.samples,
            healer=self.healer,
            investigation=self.investigation,
            canaries=self.canaries,
            redriver=self.redriver,
            bakes=self.bakes,
            memory=self.memory,
            progress=self.progress,
            clock=clock,
        )
        self.incidents = Incidents(storage=storage, healer=self.healer, ids=self.ids, clock=clock)
        self.adapters = Adapters(
            storage=storage,
            gates=self.gates,
            hub=self.hub,
            ids=self.ids,
            samples=self.samples,
            incidents=self.incidents,
            halted=self._halted,
            clock=clock,
        )
        self.streams = Streams(
            storage=storage,
            gates=self.gates,
            detector=self.detector,
            hub=self.hub,
            intake=self.intake,
            samples=self.samples,
            tasks=self._tasks,
            consumers=lambda: frozenset(consumers),
            clock=clock,
        )
        self.silent = SilentWatch(
            storage=storage,
            gates=self.gates,
            healer=self.healer,
            analyst=self.analyst,
            samples=self.samples,
            detector=self.detector,
            tasks=self._tasks,
            clock=clock,
        )
        self.traces = Traces(
            storage=storage,
            gates=self.gates,
            runs=self.runs,
            ids=self.ids,
            clock=clock,
            settle_seconds=settle_seconds,
            wait_seconds=wait_seconds,
        )
        self.sources = SourceController(feed=self._feed, folder=sources_folder, new_id=self.ids.new, clock=clock)
        self._wire()

    def _wire(self) -> None:
        """Connects the parts that call back."""
        self.healer.on_effect = self.effects.perform
        self.intake.on_failures = self.healer.open
        self.intake.on_late = self._redrive_late
        self.intake.on_healed = self.bakes.observe
        self.intake.on_healthy = self._healthy
        self.adapters.on_promoted = self._redrive_late
        self.adapters.on_healed_outside = self.bakes.count
        self.streams.on_learned = self._learned
        self.streams.on_masks = self.remasker.bring_up
        self.remasker.on_masked = self._learned
        self.remasker.on_unlearned = self.streams.unlearn
        self.streams.on_deleted = self._deleted
        self.streams.feeds = self.sources.feeds
        self.system.redriver = self.redriver
        self.system.webhooks = self.webhooks

    async def start(self) -> None:
        """Recovers and starts everything; serving may begin when it returns."""
        self.storage.start()
        journal = self.storage.journal
        self.hub.revisions.raise_to(await self.storage.journaled(journal.revision))
        self.hub.deliveries.raise_to(await self.storage.journaled(journal.delivery_position))
        await self.system.load()
        if self.webhooks is not None:
            await self.webhooks.start(self.storage, self.hub)  # before anything moves
        await self.offers.load()
        await asyncio.gather(self.stages.start(), self.analyst.start())
        await self._load_streams()
        await self.traces.load()
        self._tasks.spawn("traces", self.traces.run())
        resumed = await self.healer.recover()
        self._tasks.spawn("janitor", self.janitor.run())
        self.ready = True
        log.info("recovered", unfinished_effects=resumed, revision=self.hub.revision)

    async def stop(self) -> None:
        """Stops everything in order; what is unfinished is in the journal."""
        self.draining.set()
        await self.sources.close()
        await self._tasks.close()
        if self.webhooks is not None:
            await self.webhooks.stop()
        if self._adviser is not None:
            self._adviser.close()
        await self.stages.close()
        await self.analyst.close()
        await self.storage.close()

    async def _load_streams(self) -> None:
        """Compiles all gates, and drives again what was held just before a promotion that a kill cut short."""
        journal = self.storage.journal
        after = ""
        while page := await self.storage.journaled(journal.list_streams, after=after, limit=500):
            for stream in page:
                gate = await self.gates.refresh(stream.stream_id)
                held = await self.storage.journaled(journal.count_held, stream_id=stream.stream_id)
                if stream.learned:
                    self._tasks.spawn(f"prepare/{stream.stream_id}", self.analyst.prepare(stream.stream_id))
                if held and gate.adapters:
                    self._redrive_late(stream.stream_id)
            after = page[-1].stream_id

    def _learned(self, stream_id: str) -> None:
        self.silent.forget(stream_id)
        self._tasks.spawn(f"prepare/{stream_id}", self.analyst.prepare(stream_id))

    def _deleted(self, stream_id: str) -> None:
        self.traces.forget(stream_id)
        self.runs.forget(stream_id)

    def _halted(self) -> bool:
        return self.system.halted

    def _healthy(self, gate: StreamGate, events: Sequence[bytes]) -> None:
        self.streams.observe(gate, events)
        self.silent.observe(gate, events)

    def _redrive_late(self, stream_id: str) -> None:
        self._late.add(stream_id)
        self._tasks.spawn(f"redrive/{stream_id}", self._redrive(stream_id))

    async def _redrive(self, stream_id: str) -> None:
        """Passes over the quarantine until nobody asked for another one meanwhile."""
        while stream_id in self._late:
            self._late.discard(stream_id)
            try:
                await self.redriver.redrive(stream_id)
            except (NotFound, Halted) as error:
                log.info("not redriven", stream_id=stream_id, why=str(error))

    async def _feed(self, stream_id: str, events: Sequence[bytes], event_ids: Sequence[str]) -> FeedCounts:
        """What sources send goes the way of every event, and through the consumer's stages."""
        incoming = [Incoming(raw, event_id) for raw, event_id in zip(events, event_ids, strict=True)]
        batch = await self.intake.process(stream_id, incoming, run_stages=True)
        kinds = [result.kind.value for result in batch.results]
        return FeedCounts(
            healthy=kinds.count("HEALTHY"), healed=kinds.count("HEALED"), quarantined=kinds.count("QUARANTINED")
        )
