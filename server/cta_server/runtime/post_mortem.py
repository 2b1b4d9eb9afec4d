"""The analysis of a failed run: its primary stage, the adapter for that one's output, and the proof by running again.

It gathers what the run is compared with, hands it to the analyst, and lets the consumer's stages run again where they
are the server's own. What is proved is decided by the core. Called by the AnalysisService.
"""

from __future__ import annotations

from typing import Final

from cta_core.diagnosis import rerun, stages
from cta_core.diagnosis.report import Report, Rerun
from cta_core.diagnosis.stages import Trace
from cta_core.errors import InvalidInput
from cta_core.run import Run, RunOrigin
from cta_server.runtime.analyst import Analyst
from cta_server.runtime.errors import NoBaseline, NoEvents
from cta_server.runtime.gates import Gates
from cta_server.runtime.ports import StoredReport
from cta_server.runtime.stages.pool import StagePool
from cta_server.runtime.storage import Storage

PAGE: Final = 200
"""Runs whose heads are read at once."""
PAGES: Final = 50
"""Pages of runs before a failed one in which healthy ones are sought: a stream of ten runs a second records one of a
hundred, and 10,000 of them hold enough."""
OUTPUTS: Final = 400
"""Events whose outputs are compared; an analysis looks at no more."""
HEALTHY_RUNS: Final = 20
"""Healthy runs that are looked at whether they say that they hold outputs or not."""
FEW: Final = 10
"""Failed events of a run below which other runs that failed in the same way join: so many are enough for an adapter."""
KIN: Final = 1000
"""Failed runs among which such ones are sought, the newest."""
KIN_READ: Final = 50
"""Of those that hold outputs so many are read."""


class PostMortem:
    """Analyses failed runs."""

    def __init__(self, *, storage: Storage, gates: Gates, analyst: Analyst, stages: StagePool) -> None:
        self._storage, self._gates, self._analyst, self._stages = storage, gates, analyst, stages

    async def analyze(self, run: Run) -> StoredReport:
        """Names the primary stage of a run, by what the stages put out in healthy runs before it; keeps the report.

        Raises:
            NotFound: The stream is gone.
            NoBaseline: No healthy run before it is known.
            NoEvents: The run has no trace.
        """
        if not run.trace:
            raise NoEvents(f"run {run.run_id} has no trace")
        healthy = await self._healthy(run)
        if not healthy:
            raise NoBaseline(run.stream_id)
        failed = list(run.trace)
        if run.recorded_count < FEW:
            # What they show is shown by all that failed in the same way, and proved on them.
            failed += [entry for trace in await self._akin(run) for entry in trace]
        report, took = await self._analyst.primary(healthy, failed)
        report = rerun.proved(report, await self._proof(run, failed, report))
        return await self._analyst.keep(report, took, stream_id=run.stream_id, incident_id="")

    async def _healthy(self, run: Run) -> list[Trace]:
        """Traces of healthy runs before it, the newest first, until they hold enough outputs."""
        found: list[Trace] = []
        outputs, before = 0, run.run_id
        for _ in range(PAGES):
            heads = await self._storage.archived(
                self._storage.archive.list_runs, stream_id=run.stream_id, before=before, limit=PAGE
            )
            for head in heads:
                if head.failed_count or not (head.recorded_count or len(found) < HEALTHY_RUNS):
                    continue
                whole = await self._storage.archived(self._storage.archive.get_run, head.run_id)
                if whole is not None:
                    found.append(whole.trace)
                    outputs += head.recorded_count
                if outputs >= OUTPUTS:
                    return found
            if len(heads) < PAGE:
                return found
            before = heads[-1].run_id
        return found

    async def _akin(self, run: Run) -> list[Trace]:
        """Traces of other runs of the same origin that failed in the same way."""
        archive = self._storage.archive
        heads = await self._storage.archived(archive.list_runs, stream_id=run.stream_id, failed_only=True, limit=KIN)
        others: list[Trace] = []
        told = [head for head in heads if head.run_id != run.run_id and head.origin is run.origin]
        # The sort is stable: those that hold something first, the newest first among them.
        for head in sorted(told, key=lambda head: not head.recorded_count)[:KIN_READ]:
            whole = await self._storage.archived(archive.get_run, head.run_id)
            if whole is not None:
                others.append(whole.trace)
        return stages.akin(run.trace, others)

    async def _proof(self, run: Run, failed: Trace, report: Report) -> Rerun:
        """The stages after the primary one again, with its output as it was and as the adapter heals it."""
        gate = await self._gates.get(run.stream_id)
        stream = gate.stream
        if run.origin is not RunOrigin.STAGES:
            return rerun.not_rerun("the stages of this run are not the server's own")
        if stream.masks:
            return rerun.not_rerun("the stream masks fields: what is kept of its events cannot be run")
        try:
            consumer = self._stages.stages(stream.consumer)
        except InvalidInput:
            return rerun.not_rerun("the stream has no consumer whose stages the server runs")
        plan = rerun.plan(failed, report, [stage.name for stage in consumer.stages])
        if isinstance(plan, str) or report.program is None:
            return rerun.not_rerun(plan if isinstance(plan, str) else "the report proposes no adapter")
        healed = rerun.heal(report.program, plan.events)
        before = await self._passes(stream.consumer, plan.events, plan.first, stream.policy.stage_timeout_ms)
        given = [raw for raw in healed if raw is not None]
        passes = iter(await self._passes(stream.consumer, given, plan.first, stream.policy.stage_timeout_ms))
        return rerun.judge(before, [None if raw is None else next(passes) for raw in healed])

    async def _passes(
        self, consumer: str, events: tuple[bytes, ...] | list[bytes], first: int, timeout_ms: float
    ) -> list[bool]:
        chain = await self._stages.run(consumer, events, timeout_ms=timeout_ms, first=first)
        return [outcome.ok for outcome in chain.outcomes]
