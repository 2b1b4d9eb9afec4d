"""The analysis, off the event loop: a warm process that runs the core's diagnosis, and the reports it makes.

The process is started before the server serves and replaced when it dies or takes too long; the loop only sends bytes
and waits. What is analysed and what follows from it is decided by the core and the healer.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

import msgspec
import structlog

from cta_core.adapter.program import Program
from cta_core.diagnosis.report import Report, Severity
from cta_core.diagnosis.stages import Trace
from cta_core.incident import Incident
from cta_core.look import Look
from cta_core.privacy.study import Study
from cta_core.stream import Stream
from cta_server.runtime import diagnostics
from cta_server.runtime.errors import NoBaseline, NoEvents
from cta_server.runtime.gates import Gates
from cta_server.runtime.ids import Ids
from cta_server.runtime.ports import StoredReport
from cta_server.runtime.samples import Samples
from cta_server.runtime.storage import Storage

TIME_LIMIT: Final = 30.0
"""Seconds for one analysis. The slowest measured one (200 fields, 40 changes) took 1.7 s; beyond this something is
wrong, and the incident is escalated."""


P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger(__name__)


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """What an analysis of an incident works on. Of a stream with masks: copies, and the contract that they satisfy."""

    stream: Stream
    healthy: list[bytes]
    drifted: list[bytes]
    study: Study | None = None

    def judged(self, report: Report) -> Report:
        """The report, as far as copies can carry it."""
        return self.study.judged(report) if self.study is not None else report


class AnalysisTimeout(Exception):
    """The analysis took too long and was ended."""


class Analyst:
    """Runs analyses."""

    def __init__(
        self,
        *,
        storage: Storage,
        gates: Gates,
        samples: Samples,
        ids: Ids,
        clock: Callable[[], float],
        word_vectors: str = "",
    ) -> None:
        self._storage, self._gates, self._samples = storage, gates, samples
        self._ids, self._clock = ids, clock
        self._word_vectors = word_vectors
        self._pool: ProcessPoolExecutor | None = None

    async def start(self) -> None:
        """Starts the process and waits until it has loaded what it needs."""
        await self._call(diagnostics.warm, self._word_vectors)

    async def close(self) -> None:
        """Ends the process."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await asyncio.get_running_loop().run_in_executor(None, lambda: pool.shutdown(cancel_futures=True))

    async def prepare(self, stream_id: str) -> None:
        """Gets a stream's baseline ready, so that its first incident does not wait for that."""
        gate = await self._gates.get(stream_id)
        baseline = await self._samples.baseline(stream_id, gate.stream.policy.analysis_sample)
        if baseline:
            await self._call(diagnostics.prepare, baseline)

    async def look(self, stream: Stream, baseline: Sequence[bytes], drifted: Sequence[bytes]) -> Look:
        """What the drifted events look like."""
        encoded = await self._call(
            diagnostics.look, list(baseline), list(drifted), stream.contract or stream.learned, self._word_vectors
        )
        return msgspec.json.decode(encoded, type=Look)

    async def diagnose(
        self,
        baseline: Sequence[bytes],
        drifted: Sequence[bytes],
        contract: bytes,
        *,
        hints: Sequence[Program] = (),
        alike: Sequence[Program] = (),
    ) -> tuple[Report, float]:
        """A report and the milliseconds it took. Raises `InvalidInput` when a baseline event or the contract is no
        JSON.
        """
        encoded, took = await self._call(
            diagnostics.diagnose,
            list(baseline),
            list(drifted),
            contract,
            msgspec.json.encode(list(hints)),
            msgspec.json.encode(list(alike)),
        )
        return msgspec.json.decode(encoded, type=Report), took

    async def question(
        self, baseline: Sequence[bytes], drifted: Sequence[bytes], contract: bytes, report: Report
    ) -> dict[str, Any]:
        """What a language model is asked about an escalated report; everything of the events in it is masked."""
        found = await self._call(
            diagnostics.question, list(baseline), list(drifted), contract, msgspec.json.encode(report)
        )
        return msgspec.json.decode(found, type=dict[str, Any])

    async def advised(
        self,
        baseline: Sequence[bytes],
        drifted: Sequence[bytes],
        contract: bytes,
        report: Report,
        answers: Sequence[str],
    ) -> Report:
        """The report with what the model's answers are worth, by the evidence alone."""
        encoded = await self._call(
            diagnostics.advised, list(baseline), list(drifted), contract, msgspec.json.encode(report), list(answers)
        )
        return msgspec.json.decode(encoded, type=Report)

    async def belongs(
        self, baseline: Sequence[bytes], healed: Sequence[bytes], paths: Sequence[str]
    ) -> tuple[bool, str]:
        """Whether healed values belong to the healthy profile, and what was compared or differs."""
        return await self._call(diagnostics.belongs, list(baseline), list(healed), list(paths))

    async def material(self, incident: Incident) -> Material:
        """Stream, healthy and drifted events for an analysis. Raises `NoBaseline` or `NoEvents`."""
        gate = await self._gates.get(incident.stream_id)
        sample = gate.stream.policy.analysis_sample
        baseline = await self._samples.baseline(incident.stream_id, sample)
        if not baseline:
            baseline = await self._samples.healthy(incident.stream_id, sample, before=incident.create_time)
        if not baseline:
            raise NoBaseline(incident.stream_id)
        drifted = await self._samples.drifted(incident, sample)
        if not drifted:
            raise NoEvents(f"incident {incident.incident_id} holds no events")
        veil, stream = gate.veil, gate.stream
        if veil is None:
            return Material(stream=stream, healthy=baseline, drifted=drifted)
        # In a thread: of wide events it takes tenths of a second, and the loop has others to serve.
        copied = incident.severity is Severity.SILENT
        study = await asyncio.to_thread(veil.study, baseline, drifted, copied=copied)
        stream = msgspec.structs.replace(stream, contract=veil.declared, learned=veil.learned)
        return Material(stream=stream, healthy=study.healthy, drifted=study.drifted, study=study)

    async def analyze_incident(self, incident: Incident, *, hints: Sequence[Program] = ()) -> StoredReport:
        """Analyses the incident's events and keeps the report. Raises `NoBaseline` or `NoEvents`."""
        work = await self.material(incident)
        report, took = await self.diagnose(work.healthy, work.drifted, work.stream.contract, hints=hints)
        return await self.keep(
            work.judged(report), took, stream_id=incident.stream_id, incident_id=incident.incident_id
        )

    async def primary(self, healthy: Sequence[Trace], failed: Trace) -> tuple[Report, float]:
        """The report on the primary stage of a failed run, and the milliseconds it took."""
        encoded, took = await self._call(
            diagnostics.analyze_run, msgspec.json.encode(healthy), msgspec.json.encode(failed)
        )
        return msgspec.json.decode(encoded, type=Report), took

    async def keep(
        self, report: Report, took: float, *, stream_id: str, incident_id: str, look: Look | None = None
    ) -> StoredReport:
        """Stores a report, with what the incident looked like."""
        stored = StoredReport(
            report_id=self._ids.new("rep"),
            stream_id=stream_id,
            incident_id=incident_id,
            create_time=self._clock(),
            duration_ms=took,
            report=report,
            look=look,
        )
        await self._storage.archived(self._storage.archive.put_report, stored)
        return stored

    async def _call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._pool is None:
            # Spawned: a fork after gRPC or SQLite was touched may hang.
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=diagnostics.follow_parent)
        try:
            async with asyncio.timeout(TIME_LIMIT):
                return await asyncio.get_running_loop().run_in_executor(self._pool, partial(work, *args, **kwargs))
        except BrokenProcessPool:
            log.warning("the analysis process died; a new one is started for the next analysis")
            self._replace()
            raise
        except TimeoutError:
            self._replace()
            raise AnalysisTimeout(f"the analysis took longer than {TIME_LIMIT:.0f} s") from None

    def _replace(self) -> None:
        """Ends a process that hangs or is gone; the next call starts another."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        for process in list((pool._processes or {}).values()):  # noqa: SLF001 - the executor offers no other way to end a hung worker
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
