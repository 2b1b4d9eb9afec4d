"""Canaries: recorded events replayed through gate and consumer stages with a candidate adapter, and the verdict.

Drifted events show whether the adapter heals: an event that an adapter's step refuses stays in the quarantine and is
no failure, one that is healed into something that the contract or a stage refuses is. Healthy events show that it
harms nothing: each must come out as it would without the candidate. Healed values must belong to the healthy profile.
Where workers offer it, the events that pass so far run through the consumer's own code as well (`proving`). The
numbers are judged by `cta_core.verdict`; too few events never promote, nor does a word of the consumer that is wanted
and missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from cta_core.adapter.revision import AdapterRevision
from cta_core.canary import Canary
from cta_core.diagnosis.report import Severity
from cta_core.incident import Incident
from cta_core.verdict import Verdict
from cta_server.runtime import faultpoints
from cta_server.runtime.analyst import Analyst
from cta_server.runtime.diagnostics import spread
from cta_server.runtime.errors import NoEvents
from cta_server.runtime.gates import Gates, StreamGate
from cta_server.runtime.ids import Ids
from cta_server.runtime.proving import Proving
from cta_server.runtime.replay import Replay, judged
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
        proving: Proving,
        ids: Ids,
        clock: Callable[[], float],
    ) -> None:
        self._storage, self._gates, self._samples, self._analyst = storage, gates, samples, analyst
        self._stages, self._proving, self._ids, self._clock = stages, proving, ids, clock

    async def run(
        self, adapter: AdapterRevision, *, incident: Incident | None = None, canary_id: str = ""
    ) -> AsyncIterator[Canary]:
        """Replays once and yields the canary as it proceeds; the last one has the judgement. Raises `NotFound` or
        `NoEvents`.
        """
        gate = await self._gates.get(adapter.stream_id)
        drifted, healthy = await self._events(gate, incident)
        copied = incident is not None and incident.severity is Severity.SILENT
        replay = Replay(gate, adapter, self._stages, copied=copied)
        canary = Canary(
            canary_id=canary_id or self._ids.new("can"),
            stream_id=adapter.stream_id,
            adapter_id=adapter.adapter_id,
            incident_id=incident.incident_id if incident else adapter.incident_id,
            create_time=self._clock(),
            needed=gate.stream.policy.canary.smallest_sample(),
        )
        began = time.perf_counter()
        parity: asyncio.Task[None] | None = None
        try:
            for start in range(0, len(drifted), CHUNK):
                await replay.drifted(drifted[start : start + CHUNK])
                yield replay.into(canary)
            # Another process compares the healed values while stages run and healthy events are replayed.
            compared = self._parity(gate, adapter, replay, incident)
            parity = asyncio.create_task(compared, name=f"parity/{canary.canary_id}")
            for start in range(0, len(healthy), CHUNK):
                await replay.healthy(healthy[start : start + CHUNK])
                yield replay.into(canary)
            await replay.finish()
            await parity
        finally:
            replay.drop()
            if parity is not None:
                parity.cancel()
        # What failed already need not be asked of the consumer, and what has too few events is replayed with more.
        if judged(replay.into(canary).tally, replay, gate).verdict is Verdict.PASS:
            proofs = self._proving.prove(canary.canary_id, adapter, replay.events, gate.stream.policy)
            async with contextlib.aclosing(proofs):
                async for proof in proofs:
                    replay.proof = proof
                    yield replay.into(canary)
                    # Failed already if all that is unanswered passed: no handler need see the rest.
                    if judged(replay.into(canary).tally, replay, gate).verdict is Verdict.FAIL:
                        break
        done = replay.into(canary)
        judgement = judged(done.tally, replay, gate)
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
        self, gate: StreamGate, adapter: AdapterRevision, replay: Replay, incident: Incident | None
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
        if gate.veil is not None and not replay.copied:
            healed = gate.veil.copies(healed)
        replay.parity_ok, replay.parity_text = await self._analyst.belongs(baseline, healed, paths)
