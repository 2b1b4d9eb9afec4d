"""The investigation of an incident: from its events to a report and, where the evidence carries one, a proposed
adapter.

Signatures are asked first; what they remember goes to the diagnosis as a hint and is judged like any other candidate.
A language model may be asked about what stays open, where one is configured; its advice is judged likewise.
This module turns the answer into the machine's input; it decides nothing about promotion.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Final

import msgspec
import structlog

from cta_core.adapter.program import Program
from cta_core.adapter.revision import AdapterRevision
from cta_core.diagnosis.report import Decision, Evidence, Method, Report
from cta_core.errors import CtaError
from cta_core.incident import Incident
from cta_core.machine import AnalysisDone
from cta_core.memory import SignatureRecord
from cta_core.stream import Policy
from cta_server.runtime.adviser import Adviser
from cta_server.runtime.analyst import AnalysisTimeout, Analyst
from cta_server.runtime.gates import Gates
from cta_server.runtime.ids import Ids
from cta_server.runtime.memory import Memory
from cta_server.runtime.samples import Samples
from cta_server.runtime.storage import Storage

log = structlog.get_logger(__name__)

POLL_SECONDS: Final = 0.02
"""How often a wait for more events looks; see the same of the effects."""


class Investigation:
    """Investigates incidents."""

    def __init__(
        self,
        *,
        storage: Storage,
        gates: Gates,
        analyst: Analyst,
        samples: Samples,
        memory: Memory,
        ids: Ids,
        clock: Callable[[], float],
        adviser: Adviser | None = None,
    ) -> None:
        self._storage, self._gates, self._analyst, self._samples = storage, gates, analyst, samples
        self._memory, self._ids, self._clock = memory, ids, clock
        self._adviser = adviser

    async def investigate(self, incident: Incident) -> tuple[AnalysisDone, tuple[AdapterRevision, ...]]:
        """The machine's next input, and the adapter to be written with it. Raises `NoBaseline` or `NoEvents`."""
        while True:
            work = await self._analyst.material(incident)
            stream, baseline, drifted = work.stream, work.healthy, work.drifted
            look = await self._analyst.look(stream, baseline, drifted)
            known = await self._memory.recall(look.fingerprint)
            good = [record for record in known if record.trusted_on(incident.stream_id)]
            bound = [] if good else await self._memory.alike(look, incident.stream_id)
            report, took = await self._analyst.diagnose(
                baseline,
                drifted,
                stream.contract,
                hints=[record.program for record in good],
                alike=[each.program for each in bound],
            )
            if report.decision is Decision.HEAL or not await self._more(incident, stream.policy, len(drifted)):
                break
        if self._adviser is not None and report.decision is Decision.ESCALATE:
            report = await self._advised(self._adviser, baseline, drifted, stream.contract, report)
        report = _with_caution(work.judged(report), known, incident.stream_id)
        stored = await self._analyst.keep(
            report, took, stream_id=incident.stream_id, incident_id=incident.incident_id, look=look
        )
        origins = [*((record, record.program) for record in good), *((each.signature, each.program) for each in bound)]
        hit = _origin(report, origins)
        adapters = self._adapters(incident, report, hit)
        if hit is not None:
            await self._memory.found(hit)
        done = AnalysisDone(
            attempt=incident.attempt,
            report_id=stored.report_id,
            decision=report.decision,
            severity=incident.severity,
            confidence=report.confidence,
            method=report.method.value,
            fingerprint=look.fingerprint,
            adapter_id=adapters[0].adapter_id if adapters else "",
            headline=report.cause.sentence,
            question=report.question,
            refused_before=_refused(report, known, incident.stream_id),
        )
        return done, adapters

    async def _advised(
        self, adviser: Adviser, baseline: Sequence[bytes], drifted: Sequence[bytes], contract: bytes, report: Report
    ) -> Report:
        """The report with what a language model's advice is worth; without any it stays as it is."""
        try:
            answers = await adviser.ask(await self._analyst.question(baseline, drifted, contract, report))
            return await self._analyst.advised(baseline, drifted, contract, report, answers) if answers else report
        except (AnalysisTimeout, BrokenProcessPool, CtaError) as error:
            log.warning("advice was left out", why=str(error) or type(error).__name__)
            return report

    async def _more(self, incident: Incident, policy: Policy, seen: int) -> bool:
        """Waits for twice the events before a person is asked: a few often leave open what more of them decide.

        False when the sample is full, or the stream is too slow to double it within the policy's wait.
        """
        wanted = min(2 * seen, policy.analysis_sample)
        deadline = self._clock() + policy.analysis_wait_seconds
        while seen < wanted and self._clock() < deadline:
            if await self._samples.count(incident) >= wanted:
                return True
            await asyncio.sleep(POLL_SECONDS)
        return False

    def _adapters(self, incident: Incident, report: Report, hit: SignatureRecord | None) -> tuple[AdapterRevision, ...]:
        """The report's program as an adapter, where the decision is to heal."""
        if report.program is None or report.decision is not Decision.HEAL:
            return ()
        return (
            AdapterRevision(
                adapter_id=self._ids.new("adp"),
                stream_id=incident.stream_id,
                program=report.program,
                create_time=self._clock(),
                incident_id=incident.incident_id,
                comment=report.fix,
                signature_id=hit.signature_id if hit is not None else "",
            ),
        )

    async def strayed(self, incident: Incident, healed: Sequence[bytes]) -> str:
        """Why values that were healed in the bake do not belong to the healthy profile; empty when they do, or none
        were.
        """
        adapter = await self._storage.journaled(self._storage.journal.get_adapter, incident.adapter_id)
        if adapter is None or not healed:
            return ""
        baseline = await self._samples.baseline(incident.stream_id, 400)
        if not baseline:
            return ""
        veil = (await self._gates.get(incident.stream_id)).veil
        if veil is not None:
            healed = veil.copies(healed)
        paths = sorted({path for step in adapter.program.steps for path in step.writes()})
        belongs, text = await self._analyst.belongs(baseline, healed, paths)
        return "" if belongs else text


def _origin(report: Report, origins: Sequence[tuple[SignatureRecord, Program]]) -> SignatureRecord | None:
    """The signature whose fix the report proposes; the guard of a bound one is this stream's own."""
    if report.method is not Method.SIGNATURE or report.program is None:
        return None
    return next((record for record, program in origins if program.steps == report.program.steps), None)


def _refused(report: Report, known: Sequence[SignatureRecord], stream_id: str) -> str:
    """Why the loop must not try this program again on this stream; empty if nothing is known against it here."""
    for record in known:
        refusal = record.refused_on(stream_id) if record.program == report.program else None
        if refusal is not None:
            return refusal.why
    return ""


def _with_caution(report: Report, known: Sequence[SignatureRecord], stream_id: str) -> Report:
    """The report, with what other streams know against its program as evidence."""
    cautions = [
        f"the same fix was refused on stream {refusal.stream_id}: {refusal.why}"
        for record in known
        if record.program == report.program
        for refusal in record.refusals
        if refusal.stream_id != stream_id
    ]
    evidence = tuple(
        Evidence(evidence_id=f"E{number}", kind="signature", path=report.cause.path, text=text)
        for number, text in enumerate(cautions, start=len(report.evidence) + 1)
    )
    return msgspec.structs.replace(report, evidence=(*report.evidence, *evidence)) if evidence else report
