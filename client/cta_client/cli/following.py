"""The phases of the loop told as they happen: for `cta incidents fix` and the demo.

It remembers what was told already, so that each message adds only what is new, and puts cause, fix and verdict between
the states that they belong to; an incident's last state decides the exit code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cta.v1.adapter_pb2 import Adapter
from cta.v1.canary_pb2 import Canary, Verdict
from cta.v1.incident_pb2 import Incident, IncidentState
from cta.v1.incident_service_pb2 import ApplyFixResponse
from cta.v1.report_pb2 import Report
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

_GATHERING: Final = {IncidentState.INCIDENT_STATE_DETECTED, IncidentState.INCIDENT_STATE_ANALYZING}
_PROVING: Final = _GATHERING | {IncidentState.INCIDENT_STATE_PATCHED, IncidentState.INCIDENT_STATE_CANARY}


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
        self._begun = False
        self._report: Report | None = None
        self._adapter: Adapter | None = None
        self._canary: Canary | None = None
        self._told: set[str] = set()
        self._redriven = 0

    def tell(self, phase: ApplyFixResponse) -> None:
        """Prints what this message adds."""
        if phase.HasField("report"):
            self._report = phase.report
        if phase.HasField("adapter"):
            self._adapter = phase.adapter
        if phase.HasField("canary") and phase.canary.verdict != Verdict.VERDICT_UNSPECIFIED:
            self._canary = phase.canary
        self._out.lines(self._news(phase))

    def _news(self, phase: ApplyFixResponse) -> Iterator[str]:
        incident, width = phase.incident, self._out.width
        if not self._begun:
            self._begun = True
            yield from telling.item_lines("what", incident.headline or incident.incident_id, width)
        for mark in incident.marks[self._marks :]:
            yield from self._pieces_before(mark.state)
            yield telling.mark_line(incident, mark, width)
        self._marks = len(incident.marks)
        if incident.state in ENDED:
            # What came after its state is told now.
            yield from self._pieces_before(incident.state)
            if incident.question and incident.question not in self._told:
                self._told.add(incident.question)
                yield from telling.item_lines("asks", incident.question, width)
        if phase.redriven_count > self._redriven:
            self._redriven = phase.redriven_count
            yield from telling.item_lines("", f"redriven {count(self._redriven)} held events", width)

    def _pieces_before(self, state: IncidentState.ValueType) -> Iterator[str]:
        """Cause, fix and verdict, each once, before the state that follows them."""
        width = self._out.width
        if state not in _GATHERING and self._report is not None and self._first(self._report.report_id):
            yield from telling.cause_lines(self._report, width)
            yield from telling.reading_lines(self._report, width)
        decided = state not in _GATHERING | {IncidentState.INCIDENT_STATE_PATCHED}
        if decided and self._adapter is not None and self._first(self._adapter.adapter_id):
            yield from telling.step_lines(self._adapter, width)
        if state not in _PROVING and self._canary is not None and self._first(self._canary.canary_id):
            yield from telling.canary_lines(self._canary, width)

    def _first(self, piece: str) -> bool:
        if piece in self._told:
            return False
        self._told.add(piece)
        return True
