"""Notices: what outsiders are told when an incident or an adapter moves, and what of it leaves the server.

It decides which states are told, under which names, and that nothing of an event's payload is in a notice: headlines
are put together from the stream's and the stage's name, programs and free texts are left out. It sends nothing. The
journal makes notices in the transaction that moves the thing; `runtime.notify` sends them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from cta_core.adapter.program import Program
from cta_core.adapter.revision import AdapterRevision
from cta_core.diagnosis.report import Severity
from cta_core.incident import Incident, Mark, State
from cta_core.machine import AdapterState

PREFIX: Final = "act.cta."

PING: Final = "act.cta.ping.v1"
"""A test that a person asks for; it is of no stream and has no place in the journal."""

INCIDENT_STATES: Final[Mapping[State, str]] = {
    State.DETECTED: "events of a stream fail, and the loop takes it up",
    State.PATCHED: "the loop, or a person, has a fix to try",
    State.AWAITING_APPROVAL: "a fix waits for a person's word",
    State.PROMOTED: "a fix is in force and is watched",
    State.ROLLED_BACK: "a fix was refused by its canary or taken back; a person decides",
    State.ESCALATED: "there is no safe fix; a person decides",
    State.RESOLVED: "it is over",
}
"""States of an incident that are told. ANALYZING and CANARY are steps of milliseconds between these."""

ADAPTER_STATES: Final[Mapping[AdapterState, str]] = {
    AdapterState.PROPOSED: "an adapter is there and changes nothing yet",
    AdapterState.ACTIVE: "it changes events of its stream from now on",
    AdapterState.REJECTED: "its canary or a person refused it",
    AdapterState.ROLLED_BACK: "it was in force, and no longer is",
    AdapterState.RETIRED: "it is set aside, and nobody refused it",
}
"""States of an adapter that are told. CANARY is the step between PROPOSED and what follows."""


def incident_type(state: State) -> str:
    """The type of an incident's notice, `act.cta.incident.promoted.v1`."""
    return f"{PREFIX}incident.{state.lower()}.v1"


def adapter_type(state: AdapterState) -> str:
    """The type of an adapter's notice, `act.cta.adapter.active.v1`."""
    return f"{PREFIX}adapter.{state.lower()}.v1"


TYPES: Final[Mapping[str, str]] = {
    **{incident_type(state): words for state, words in INCIDENT_STATES.items()},
    **{adapter_type(state): words for state, words in ADAPTER_STATES.items()},
}
"""Every type of notice that the journal makes, and what it tells."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is told. Exactly one of `incident` and `adapter` is there, as it was then."""

    notice_id: str
    """The same for the same move, however often it is sent: `inc_01j...-3`, `adp_01j...-17`."""
    type: str
    stream_id: str
    time: float
    incident: Incident | None = None
    adapter: AdapterRevision | None = None
    position: int = 0
    """Place in the journal; 0 until it is there."""

    @property
    def subject(self) -> str:
        """What it is about: stream and incident, or stream and adapter."""
        thing = self.incident.incident_id if self.incident else self.adapter.adapter_id if self.adapter else ""
        return f"{self.stream_id}/{thing}"


def of_incident(incident: Incident, known: int) -> tuple[Notice, ...]:
    """A notice for each state that was entered after the first `known` marks, and is told."""
    return tuple(
        Notice(
            notice_id=f"{incident.incident_id}-{number}",
            type=incident_type(mark.state),
            stream_id=incident.stream_id,
            time=mark.time,
            incident=_bare_incident(incident, mark),
        )
        for number, mark in enumerate(incident.marks[known:], known + 1)
        if mark.state in INCIDENT_STATES
    )


def of_adapter(adapter: AdapterRevision) -> tuple[Notice, ...]:
    """The notice of an adapter's present state, if it is told."""
    if adapter.state not in ADAPTER_STATES:
        return ()
    return (
        Notice(
            notice_id=f"{adapter.adapter_id}-{adapter.revision}",
            type=adapter_type(adapter.state),
            stream_id=adapter.stream_id,
            time=adapter.update_time or adapter.create_time,
            adapter=msgspec.structs.replace(adapter, program=Program(), comment=""),
        ),
    )


def _bare_incident(incident: Incident, mark: Mark) -> Incident:
    """The incident at a mark, without texts that may quote an event: keys, questions, reasons, sentences."""
    return msgspec.structs.replace(
        incident,
        state=mark.state,
        update_time=mark.time,
        headline=_headline(incident),
        failure_keys=(),
        question="",
        marks=(msgspec.structs.replace(mark, why=""),),
    )


def _headline(incident: Incident) -> str:
    if incident.severity is Severity.SILENT:
        return f"Values of {incident.stream_id} changed their meaning"
    if incident.stage not in ("", "gate"):
        return f"{incident.stage} fails on events of {incident.stream_id}"
    return f"Events of {incident.stream_id} break the contract"
