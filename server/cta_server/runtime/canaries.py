"""Canaries: recorded events replayed through gate and consumer stages with a candidate adapter, and the verdict.

Drifted events show whether the adapter heals: an event that an adapter's step refuses stays in the quarantine and is
no failure, one that is healed into something that the contract or a stage refuses is. Healthy events show that it
harms nothing: each must come out as it would without the candidate. Healed values must belong to the healthy profile.
The numbers are judged by `cta_core.verdict`; too few events never promote.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import msgspec

from cta_core.adapter.revision import AdapterRevision
from cta_core.canary import Canary, CanaryFailure
from cta_core.diagnosis.report import Severity
from cta_core.gate import Gate, OutcomeKind
from cta_core.incident import Incident
from cta_core.quarantine import HeldReason
from cta_core.verdict import Judgement, Tally, Verdict, judge
from cta_server.runtime import faultpoints
from cta_server.runtime.analyst import Analyst
from cta_server.runtime.diagnostics import spread
from cta_server.runtime.errors import NoEvents
from cta_server.runtime.gates import Gates, StreamGate
from cta_server.runtime.ids import Ids
from cta_server.runtime.samples import Samples
from cta_server.runtime.stages.pool import StagePool
from cta_server.runtime.storage import Storage

HEALTHY_SHARE: Final = 4
"""One in four replayed events is a healthy one: harm by a guard that is too wide shows on nearly every event, so that
250 of 1,000 are plenty, and the claim about drifted events needs the rest."""

CHUNK: Final = 250
"""Events judged between two looks at the event loop: about a millisecond."""

PARITY_SAMPLE: Final = 400
"""Healed events compared with the healthy profile; as many as an analysis looks at."""

REFUSED_LIMIT: Final = 0.5
"""Share of drifted events that an adapter may refuse. Beyond half it is no fix for what happened (analysis study,
4.11)."""

KINDS_SHOWN: Final = 10
"""Kinds of failure listed in a canary."""


class Canaries:
    """Runs canaries."""

    def __init__(
        self,
        *,
        storage: Storage,
        gates: Gates,
        samples: Samples,
        analyst: Analyst,
        stages: StagePool,
        ids: Ids,
        clock: Callable[[], float],
    ) -> None:
        self._storage, self._gates, self._samples, self._analyst = storage, gates, samples, analyst
        self._stages, self._ids, self._clock = stages, ids, clock

    async def run(
        self, adapter: AdapterRevision, *, incident: Incident | None = None, canary_id: str = ""
    ) -> AsyncIterator[Canary]:
        """Replays once and yields the canary as it proceeds; the last one has the judgement. Raises `NotFound` or
        `NoEvents`.
        """
        gate = await self._gates.get(adapter.stream_id)
        drifted, healthy = await self._events(gate, incident)
        replay = _Replay(gate, adapter, self._stages)
        canary = Canary(
            canary_id=canary_id or self._ids.new("can"),
            stream_id=adapter.stream_id,
            adapter_id=adapter.adapter_id,
            incident_id=incident.incident_id if incident else adapter.incident_id,
            create_time=self._clock(),
            needed=gate.stream.policy.canary.smallest_sample(),
        )
        began = time.perf_counter()
        for start in range(0, len(drifted), CHUNK):
            await replay.drifted(drifted[start : start + CHUNK])
            yield replay.into(canary)
        # Another process compares the healed values while the healthy events are replayed.
        parity = asyncio.create_task(self._parity(gate, adapter, replay, incident), name=f"parity/{canary.canary_id}")
        try:
            for start in range(0, len(healthy), CHUNK):
                await replay.healthy(healthy[start : start + CHUNK])
                yield replay.into(canary)
            await parity
        finally:
            parity.cancel()
        done = replay.into(canary)
        judgement = _judge(done.tally, replay, gate)
        done = msgspec.structs.replace(
            done,
            judgement=judgement,
            needed=judgement.needed,
            duration_ms=(time.perf_counter() - began) * 1000,
        )
        faultpoints.hit("canary.replayed")
        await self._storage.archived(self._storage.archive.put_canary, done)
        yield done

    async def _events(self, gate: StreamGate, incident: Incident | None) -> tuple[list[bytes], list[bytes]]:
        """Drifted and healthy events to replay."""
        policy = gate.stream.policy.canary
        stream_id = gate.stream.stream_id
        silent = incident is not None and incident.severity is Severity.SILENT
        # Under silent drift nothing tells healthy events from drifted ones but time; the baseline is what is known to
        # be healthy.
        healthy = await self._samples.baseline(stream_id, policy.max_events // HEALTHY_SHARE)
        if not healthy:
            healthy = await self._samples.healthy(stream_id, policy.max_events // HEALTHY_SHARE)
        room = policy.max_events - len(healthy)
        if incident is not None:
            drifted = await self._samples.drifted(incident, room)
        else:
            drifted = await self._samples.held(room, stream_id=stream_id)
        if not drifted and not healthy:
            raise NoEvents(f"stream {stream_id!r} has no recorded events to replay")
        return drifted, [] if silent else healthy

    async def _parity(
        self, gate: StreamGate, adapter: AdapterRevision, replay: _Replay, incident: Incident | None
    ) -> None:
        """Compares the healed values with the healthy profile."""
        if not replay.healed:
            return
        stream_id = adapter.stream_id
        baseline = await self._samples.baseline(stream_id, gate.stream.policy.analysis_sample)
        if not baseline:
            before = incident.create_time if incident else None
            baseline = await self._samples.healthy(stream_id, gate.stream.policy.analysis_sample, before=before)
        if not baseline:
            return
        paths = sorted({path for step in adapter.program.steps for path in step.writes()})
        healed = spread(replay.healed, PARITY_SAMPLE)
        replay.parity_ok, replay.parity_text = await self._analyst.belongs(baseline, healed, paths)


class _Replay:
    """Counts of one replay."""

    def __init__(self, gate: StreamGate, adapter: AdapterRevision, stages: StagePool) -> None:
        self._stream = gate.stream
        self._now: Gate = gate.gate
        self._then: Gate = gate.candidate((adapter,))
        self._adapter = adapter
        self._stages = stages
        self._failures: Counter[tuple[str, str]] = Counter()
        self._latencies: list[float] = []
        self._drifted = self._failed = self._healthy = self._harmed = 0
        self.refused = 0
        self.healed: list[bytes] = []
        self.parity_ok = True
        self.parity_text = ""

    async def drifted(self, events: Sequence[bytes]) -> None:
        """Replays drifted events."""
        began = time.perf_counter()
        outcomes = self._then.judge_many(list(events))
        each_ms = (time.perf_counter() - began) * 1000 / len(events)
        passed: list[bytes] = []
        for outcome in outcomes:
            if outcome.adapter_id != self._adapter.adapter_id:
                continue  # the adapter is not for it: another cause, or an event in the old shape
            if outcome.kind is OutcomeKind.HEALED:
                passed.append(outcome.raw)
            elif outcome.reason is HeldReason.ADAPTER_REFUSED:
                self.refused += 1
                continue
            else:
                self._failed += 1
                self._failures["gate", outcome.message] += 1
            self._drifted += 1
        self.healed += passed
        await self._through_stages(passed, each_ms, drifted=True)

    async def healthy(self, events: Sequence[bytes]) -> None:
        """Replays healthy events: each must come out as it does without the candidate."""
        began = time.perf_counter()
        then = self._then.judge_many(list(events))
        each_ms = (time.perf_counter() - began) * 1000 / len(events)
        now = self._now.judge_many(list(events))
        for before, after in zip(now, then, strict=True):
            self._healthy += 1
            if (before.kind, before.raw) != (after.kind, after.raw):
                self._harmed += 1
                self._failures["gate", f"a healthy event would be {after.kind.value.lower()}"] += 1
        await self._through_stages([o.raw for o in then if o.kind is OutcomeKind.HEALTHY], each_ms, drifted=False)

    async def _through_stages(self, events: list[bytes], gate_ms: float, *, drifted: bool) -> None:
        if not self._stream.consumer or not events:
            self._latencies += [gate_ms] * len(events)
            await asyncio.sleep(0)
            return
        chain = await self._stages.run(self._stream.consumer, events, timeout_ms=self._stream.policy.stage_timeout_ms)
        for outcome in chain.outcomes:
            self._latencies.append(gate_ms + outcome.latency_ms)
            # A healthy event that a stage refuses fails there today as well: its bytes are the same.
            if drifted and not outcome.ok:
                self._failed += 1
                self._failures[outcome.stage, f"{outcome.error_type}: {outcome.message}"[:200]] += 1

    def into(self, canary: Canary) -> Canary:
        """The canary with the counts so far."""
        return msgspec.structs.replace(
            canary,
            tally=Tally(
                drifted=self._drifted,
                failed=self._failed,
                healthy=self._healthy,
                harmed=self._harmed,
                latencies_ms=tuple(self._latencies),
                parity_ok=self.parity_ok,
                parity_text=self.parity_text,
            ),
            failures=tuple(
                CanaryFailure(stage=stage, message=message, count=count)
                for (stage, message), count in self._failures.most_common(KINDS_SHOWN)
            ),
        )


def _judge(tally: Tally, replay: _Replay, gate: StreamGate) -> Judgement:
    """The verdict, with the rule on refusals that the counts alone do not show."""
    judgement = judge(tally, gate.stream.policy.canary)
    looked_at = tally.drifted + replay.refused
    if looked_at and replay.refused > REFUSED_LIMIT * looked_at:
        why = f"the adapter refuses {replay.refused} of {looked_at} drifted events"
        return msgspec.structs.replace(judgement, verdict=Verdict.FAIL, reasons=(why, *judgement.reasons))
    if replay.refused:
        more = f"{replay.refused} of {looked_at} drifted events cannot be healed and stay in quarantine"
        return msgspec.structs.replace(judgement, reasons=(*judgement.reasons, more))
    return judgement
