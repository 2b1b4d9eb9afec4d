"""The investigation of an incident: from its events to a report and, where the evidence carries one, a proposed
adapter.

Signatures are asked first; what they remember goes to the diagnosis as a hint and is judged like any other candidate.
This module turns the answer into the machine's input; it decides nothing about promotion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cta_core.adapter.revision import AdapterRevision
from cta_core.diagnosis.report import Decision, Method, Report
from cta_core.incident import Incident
from cta_core.machine import AnalysisDone
from cta_core.memory import SignatureRecord
from cta_server.runtime.analyst import Analyst
from cta_server.runtime.ids import Ids
from cta_server.runtime.memory import Memory
from cta_server.runtime.samples import Samples
from cta_server.runtime.storage import Storage


class Investigation:
    """Investigates incidents."""

    def __init__(
        self,
        *,
        storage: Storage,
        analyst: Analyst,
        samples: Samples,
        memory: Memory,
        ids: Ids,
        clock: Callable[[], float],
    ) -> None:
        self._storage, self._analyst, self._samples = storage, analyst, samples
        self._memory, self._ids, self._clock = memory, ids, clock

    async def investigate(self, incident: Incident) -> tuple[AnalysisDone, tuple[AdapterRevision, ...]]:
        """The machine's next input, and the adapter to be written with it. Raises `NoBaseline` or `NoEvents`."""
        stream, baseline, drifted = await self._analyst.events_for(incident)
        fingerprint = await self._analyst.fingerprint(stream, baseline, drifted)
        known = await self._memory.recall(fingerprint)
        good = [record for record in known if record.confirmed > record.refused]
        report, took = await self._analyst.diagnose(
            baseline, drifted, stream.contract, hints=[record.program for record in good]
        )
        stored = await self._analyst.keep(report, took, stream_id=incident.stream_id, incident_id=incident.incident_id)
        adapters = self._adapters(incident, report, known)
        hit = next((record for record in good if record.program == report.program), None)
        if hit is not None and report.method is Method.SIGNATURE:
            await self._memory.found(hit)
        done = AnalysisDone(
            attempt=incident.attempt,
            report_id=stored.report_id,
            decision=report.decision,
            severity=incident.severity,
            confidence=report.confidence,
            method=report.method.value,
            fingerprint=fingerprint,
            adapter_id=adapters[0].adapter_id if adapters else "",
            headline=report.cause.sentence,
            question=report.question,
            refused_before=_refused(report, known),
        )
        return done, adapters

    def _adapters(
        self, incident: Incident, report: Report, known: Sequence[SignatureRecord]
    ) -> tuple[AdapterRevision, ...]:
        """The report's program as an adapter, where the decision is to heal."""
        if report.program is None or report.decision is not Decision.HEAL:
            return ()
        remembered = next((r.signature_id for r in known if r.program == report.program), "")
        return (
            AdapterRevision(
                adapter_id=self._ids.new("adp"),
                stream_id=incident.stream_id,
                program=report.program,
                create_time=self._clock(),
                incident_id=incident.incident_id,
                comment=report.fix,
                signature_id=remembered if report.method is Method.SIGNATURE else "",
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
        paths = sorted({path for step in adapter.program.steps for path in step.writes()})
        belongs, text = await self._analyst.belongs(baseline, healed, paths)
        return "" if belongs else text


def _refused(report: Report, known: Sequence[SignatureRecord]) -> str:
    """Why the loop must not try this program again; empty if nothing is known against it."""
    if report.program is None:
        return ""
    for record in known:
        if record.program == report.program and record.refused and record.refused >= record.confirmed:
            return record.refused_why
    return ""
