"""The journey of a batch: gate, stages, quarantine, record, detection.

An event that may not pass is stored before the answer is given. A repeated request gives the same answer and stores
nothing twice: in memory for recent ones, from the journal for every request that ever held an event, so that neither
a retry nor a restart turns one event into two. Called by the EventService, by sources and by nobody else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence

from cta_core.gate import Outcome, OutcomeKind
from cta_core.quarantine import HeldBreach, HeldEvent, HeldReason, HeldState
from cta_core.stream import Stream
from cta_server.runtime import faultpoints
from cta_server.runtime.answers import Answers
from cta_server.runtime.batch import BatchResult, EventResult, Incoming, ReportedFailure
from cta_server.runtime.detector import Detector, adapter_key, gate_key, stage_key
from cta_server.runtime.errors import QuarantineFull, RequestIdReused
from cta_server.runtime.gates import Gates, StreamGate
from cta_server.runtime.hub import Hub
from cta_server.runtime.ids import Ids
from cta_server.runtime.recorder import Recorder
from cta_server.runtime.runs import Runs
from cta_server.runtime.stages.pool import StagePool
from cta_server.runtime.storage import Storage

Opener = Callable[[Stream, str, str], Awaitable[None]]
"""Opens an incident: stream, failure key, headline. The healer is one."""


class Intake:
    """Takes batches in."""

    def __init__(
        self,
        *,
        storage: Storage,
        gates: Gates,
        detector: Detector,
        hub: Hub,
        ids: Ids,
        stages: StagePool,
        runs: Runs,
        clock: Callable[[], float],
    ) -> None:
        self._storage, self._gates, self._detector = storage, gates, detector
        self._ids, self._stages, self._runs, self._clock = ids, stages, runs, clock
        self._answers = Answers()
        self._held: dict[str, int] = {}
        self._clean: set[str] = set()
        """Streams that never held an event: the hot path asks the journal nothing about them."""
        self._recorder = Recorder(storage=storage, hub=hub)
        self.on_failures: Opener | None = None
        """Set by the runtime: opens incidents."""
        self.on_late: Callable[[str], None] | None = None
        """Set by the runtime: events were held by a gate that is no longer in force; drive them again."""
        self.on_healed: Callable[[str, Sequence[EventResult]], None] | None = None
        """Set by the runtime: the bake counts what an adapter healed and what it could not."""
        self.on_healthy: Callable[[StreamGate, Sequence[bytes]], None] | None = None
        """Set by the runtime: baselines and the watch for silent drift take samples."""

    def held(self, stream_id: str) -> int:
        """Events that wait in the stream's quarantine."""
        return self._held.get(stream_id, 0)

    def set_held(self, stream_id: str, count: int) -> None:
        """The journal's count, after a redrive."""
        self._held[stream_id] = count

    def forget(self, stream_id: str) -> None:
        """The stream is deleted."""
        self._held.pop(stream_id, None)
        self._clean.discard(stream_id)

    async def process(
        self, stream_id: str, events: Sequence[Incoming], *, request_id: str = "", run_stages: bool = False
    ) -> BatchResult:
        """Drives a batch through the gate. Raises `NotFound`, `RequestIdReused` or `QuarantineFull`; then nothing was
        accepted.
        """
        gate = await self._gates.get(stream_id)
        if request_id and (answer := self._answers.find(request_id, stream_id, events)) is not None:
            return answer
        named = self._name(events, request_id)
        known = await self._known(gate, events, named, request_id)
        outcomes = gate.gate.judge_many([event.raw for event in events])
        healthy = OutcomeKind.HEALTHY
        results = [
            EventResult(healthy, event_id, outcome.raw) if outcome.kind is healthy else _result(event_id, outcome)
            for event_id, outcome in zip(named, outcomes, strict=True)
        ]
        if known:
            results = [known.get(result.event_id, result) for result in results]
        run_id = ""
        if run_stages and gate.stream.consumer:
            run_id = await self._run(gate, results)
        await self._settle(gate, events, results, request_id=request_id, run_id=run_id, known=known)
        batch = BatchResult(tuple(results), gate.revision, run_id)
        if request_id:
            self._answers.keep(request_id, stream_id, events, batch)
        return batch

    async def report_failures(
        self, stream_id: str, failures: Sequence[ReportedFailure], *, request_id: str = ""
    ) -> int:
        """Holds events on which a consumer outside raised; returns how many were new. Raises as `process` does."""
        gate = await self._gates.get(stream_id)
        events = [failure.event for failure in failures]
        if request_id:
            known = await self._storage.journaled(self._storage.journal.request_digest, request_id)
            if known is not None and known != _digest(stream_id, events):
                raise RequestIdReused(request_id)
        named = self._name(events, request_id)
        # Only an adapter in force can be to blame; any other word is passed over.
        in_force = {adapter.adapter_id: adapter.revision for adapter in gate.adapters}
        results = [
            EventResult(
                kind=OutcomeKind.QUARANTINED,
                event_id=event_id,
                adapter_id=failure.adapter_id if failure.adapter_id in in_force else "",
                adapter_revision=in_force.get(failure.adapter_id, 0),
                reason=HeldReason.STAGE_FAILED,
                message=_said(gate, failure.error_type, failure.message),
                stage=failure.stage,
            )
            for event_id, failure in zip(named, failures, strict=True)
        ]
        if stream_id not in self._held:
            await self._load(stream_id)
        before = self.held(stream_id)
        await self._settle(gate, events, results, request_id=request_id, run_id="", known={})
        return self.held(stream_id) - before

    def _name(self, events: Sequence[Incoming], request_id: str) -> list[str]:
        """Every event's id: its own, or one derived from the request so that a retry derives the same."""
        base = request_id or self._ids.new("evt")
        return [event.event_id or f"{base}-{index}" for index, event in enumerate(events)]

    async def _known(
        self, gate: StreamGate, events: Sequence[Incoming], named: Sequence[str], request_id: str
    ) -> dict[str, EventResult]:
        """Events of the batch that are or were in the quarantine: they are answered as held and never handed back
        twice.
        """
        journal, stream_id = self._storage.journal, gate.stream.stream_id
        if stream_id not in self._held:
            await self._load(stream_id)
        if stream_id in self._clean:
            return {}  # it never held an event, so none of these, and no request that it would remember
        remembered = None
        if request_id:
            remembered = await self._storage.journaled(journal.request_digest, request_id)
            if remembered is not None and remembered != _digest(stream_id, events):
                raise RequestIdReused(request_id)
        # Derived ids are new unless their request held something before: it would be remembered with what it held.
        if remembered is None and not any(event.event_id for event in events):
            return {}
        held = await self._storage.journaled(journal.known_events, stream_id, named)
        return {
            event_id: EventResult(
                kind=OutcomeKind.QUARANTINED,
                event_id=event_id,
                reason=event.reason,
                message=event.message,
                breaches=event.breaches,
                stage=event.stage,
            )
            for event_id, event in held.items()
        }

    async def _load(self, stream_id: str) -> None:
        """Reads the stream's counts, once."""
        count = self._storage.journal.count_held
        self._held[stream_id] = await self._storage.journaled(count, stream_id=stream_id)
        gone = await self._storage.journaled(count, stream_id=stream_id, state=HeldState.REDRIVEN)
        if not self._held[stream_id] and not gone:
            self._clean.add(stream_id)

    async def _run(self, gate: StreamGate, results: list[EventResult]) -> str:
        """Runs what passed through the consumer's stages; what fails there becomes quarantined."""
        passed = [index for index, result in enumerate(results) if result.kind is not OutcomeKind.QUARANTINED]
        if not passed:
            return ""
        stream = gate.stream
        begun = self._clock()
        bodies = [results[index].payload for index in passed]
        chain = await self._stages.run(stream.consumer, bodies, timeout_ms=stream.policy.stage_timeout_ms, record=True)
        for index, outcome in zip(passed, chain.outcomes, strict=True):
            if outcome.ok:
                continue
            before = results[index]
            results[index] = EventResult(
                kind=OutcomeKind.QUARANTINED,
                event_id=before.event_id,
                adapter_id=before.adapter_id,
                adapter_revision=before.adapter_revision,
                reason=HeldReason.STAGE_FAILED,
                message=_said(gate, outcome.error_type, outcome.message),
                stage=outcome.stage,
            )
        event_ids = [results[index].event_id for index in passed]
        run = await self._runs.of_stages(gate, chain, inputs=bodies, event_ids=event_ids, began=begun)
        return run.run_id

    async def _settle(
        self,
        gate: StreamGate,
        events: Sequence[Incoming],
        results: Sequence[EventResult],
        *,
        request_id: str,
        run_id: str,
        known: dict[str, EventResult],
    ) -> None:
        """Holds what may not pass, counts, records and tells the detector."""
        stream_id, now = gate.stream.stream_id, self._clock()
        held: list[HeldEvent] = []
        incidents: dict[str, str] = {}
        for event, result in zip(events, results, strict=True):
            if result.kind is OutcomeKind.QUARANTINED and result.event_id not in known:
                held.append(self._held_event(stream_id, event, result, run_id, now, incidents))
        late = False
        if held:
            limit = gate.stream.policy.max_quarantined
            if self.held(stream_id) + len(held) > limit:
                raise QuarantineFull(stream_id, limit)
            self._clean.discard(stream_id)
            faultpoints.hit("intake.before_hold")
            digest = _digest(stream_id, events) if request_id else ""
            done = await self._storage.journaled(self._storage.journal.hold, held, request_id=request_id, digest=digest)
            faultpoints.hit("intake.after_hold")
            self._held[stream_id] = self.held(stream_id) + done.new
            # A promotion may have come between the gate and the hold; its redrive did not see these events.
            late = self._gates.current(stream_id) is not gate
        self._count(stream_id, results)
        # The gate in force now: what is kept follows the masks of now, also at the end of a batch that began before.
        await self._recorder.record(self._gates.current(stream_id) or gate, events, results, now)
        if self.on_healed is not None:
            self.on_healed(stream_id, results)
        if self.on_healthy is not None and not late:
            self.on_healthy(gate, [r.payload for r in results if r.kind is OutcomeKind.HEALTHY])
        if late and self.on_late is not None:
            self.on_late(stream_id)
        elif held:
            await self._detect(gate.stream, held, now)

    def _held_event(
        self, stream_id: str, event: Incoming, result: EventResult, run_id: str, now: float, incidents: dict[str, str]
    ) -> HeldEvent:
        """The event as it is stored; `incidents` keeps the batch's answers of the detector by failure key."""
        reason = result.reason or HeldReason.CONTRACT
        if reason is HeldReason.STAGE_FAILED:
            key = stage_key(result.stage, result.message.partition(":")[0])
        else:
            key = gate_key(reason, result.breaches)
        if result.adapter_id:
            # What an adapter made of the event failed, or it refused it: that belongs to the adapter's incident.
            key = adapter_key(result.adapter_id, key)
        incident_id = incidents.get(key)
        if incident_id is None:
            incident_id = incidents[key] = self._detector.incident_for(stream_id, key)
        return HeldEvent(
            stream_id=stream_id,
            event_id=result.event_id,
            raw=event.raw,
            reason=reason,
            message=result.message,
            breaches=result.breaches,
            stage=result.stage,
            failure_key=key,
            incident_id=incident_id,
            run_id=run_id if reason is HeldReason.STAGE_FAILED else "",
            arrive_time=event.event_time or now,
        )

    async def _detect(self, stream: Stream, held: Sequence[HeldEvent], now: float) -> None:
        """Opens an incident for every kind of failure that reached the policy's number."""
        if self.on_failures is None:
            return
        news = [event for event in held if not event.incident_id]
        due = self._detector.count(
            stream.stream_id, [event.failure_key for event in news], now, stream.policy.open_after
        )
        for key in due:
            first = next(event for event in news if event.failure_key == key)
            await self.on_failures(stream, key, _headline(stream.stream_id, first))

    def _count(self, stream_id: str, results: Sequence[EventResult]) -> None:
        counts = self._gates.counts(stream_id)
        counts.events += len(results)
        for result in results:
            if result.kind is OutcomeKind.HEALTHY:
                counts.healthy += 1
            elif result.kind is OutcomeKind.HEALED:
                counts.healed += 1
                self._gates.healed_by[result.adapter_id] = self._gates.healed_by.get(result.adapter_id, 0) + 1
            else:
                counts.quarantined += 1


def _said(gate: StreamGate, error_type: str, message: str) -> str:
    """What a stage said of an event, as far as the stream's masks allow."""
    text = f"{error_type}: {message}"
    return (gate.veil.failure(text) if gate.veil is not None else text)[:300]


def _digest(stream_id: str, events: Sequence[Incoming]) -> str:
    """Identifies a request's content."""
    digest = hashlib.blake2b(stream_id.encode(), digest_size=16)
    for event in events:
        digest.update(len(event.raw).to_bytes(8, "big"))
        digest.update(event.raw)
        digest.update(event.event_id.encode())
    return digest.hexdigest()


def _result(event_id: str, outcome: Outcome) -> EventResult:
    """The gate's outcome of an event that is not healthy as a result."""
    if outcome.kind is OutcomeKind.HEALED:
        return EventResult(OutcomeKind.HEALED, event_id, outcome.raw, outcome.adapter_id, outcome.revision)
    return EventResult(
        kind=OutcomeKind.QUARANTINED,
        event_id=event_id,
        adapter_id=outcome.adapter_id,
        adapter_revision=outcome.revision,
        reason=outcome.reason,
        message=outcome.message,
        breaches=tuple(HeldBreach(path=b.path, rule=b.rule, message=b.message) for b in outcome.breaches),
    )


def _headline(stream_id: str, event: HeldEvent) -> str:
    if event.reason is HeldReason.STAGE_FAILED:
        return f"{event.stage} fails on events of {stream_id}: {event.message}"
    if event.breaches:
        first, more = event.breaches[0], len(event.breaches) - 1
        tail = f" (and {more} more)" if more else ""
        return f"Events of {stream_id} break the contract: {first.path or '/'} {first.message}{tail}"
    return f"Events of {stream_id} are held: {event.message}"
