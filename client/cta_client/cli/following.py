"""The phases of the loop told as they happen: for `cta incidents fix` and the demo.

It remembers what was told already, so that each message adds only what is new; an incident's last state decides the
exit code.
"""

from __future__ import annotations

from typing import Final

from cta.v1.canary_pb2 import Canary, Verdict
from cta.v1.incident_pb2 import Incident, IncidentState
from cta.v1.incident_service_pb2 import ApplyFixResponse
from cta_client.cli import telling
from cta_client.cli.exits import Exit
from cta_client.cli.output import Output
from cta_client.cli.words import count

WAITING: Final = {
    IncidentState.INCIDENT_STATE_AWAITING_APPROVAL,
    IncidentState.INCIDENT_STATE_ESCALATED,
}
"""States in which nothing goes on without a person."""

ENDED: Final = WAITING | {
    IncidentState.INCIDENT_STATE_PROMOTED,
    IncidentState.INCIDENT_STATE_RESOLVED,
    IncidentState.INCIDENT_STATE_ROLLED_BACK,
}
"""States at which the loop has nothing more to do for now."""


def exit_of(incident: Incident) -> Exit:
    """Whether the loop ended well, needs a person, or refused the fix."""
    if incident.state == IncidentState.INCIDENT_STATE_ROLLED_BACK:
        return Exit.NOT_PROVED
    if incident.state in {IncidentState.INCIDENT_STATE_PROMOTED, IncidentState.INCIDENT_STATE_RESOLVED}:
        return Exit.DONE
    return Exit.PERSON


class LoopTeller:
    """Tells one incident's way through the loop."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._marks = 0
        self._judged: set[str] = set()
        self._told_report = self._told_adapter = False
        self._redriven = 0

    def tell(self, phase: ApplyFixResponse) -> None:
        """Prints what this message adds."""
        incident, out = phase.incident, self._out
        if not self._marks:
            out.lines([f"{incident.incident_id} on {incident.stream_id}: {incident.headline}"])
        if phase.HasField("report") and not self._told_report:
            self._told_report = True
            out.lines(telling.cause_lines(phase.report, out.width))
            out.lines(telling.reading_lines(phase.report, out.width))
        if phase.HasField("adapter") and not self._told_adapter:
            self._told_adapter = True
            out.lines(telling.step_lines(phase.adapter, out.width))
        if phase.HasField("canary"):
            self._tell_canary(phase.canary)
        out.lines(telling.mark_lines(incident, out.width, after=self._marks))
        self._marks = len(incident.marks)
        if phase.redriven_count > self._redriven:
            self._redriven = phase.redriven_count
            out.lines([f"{telling.INDENT}redriven {count(self._redriven)} events"])
        if incident.question and incident.state in WAITING:
            out.lines([f"{telling.INDENT}asks    {incident.question}"])

    def _tell_canary(self, canary: Canary) -> None:
        if canary.verdict == Verdict.VERDICT_UNSPECIFIED or canary.canary_id in self._judged:
            return
        self._judged.add(canary.canary_id)
        self._out.lines(telling.canary_lines(canary, self._out.width))
