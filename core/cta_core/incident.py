"""Incidents: failures of one cause, and the loop's state for it. Data only; `machine` moves it from state to state."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cta_core.diagnosis.report import Severity


class State(StrEnum):
    """Where the loop stands. The life is drawn in ARCHITECTURE.md."""

    DETECTED = "DETECTED"
    """Opened; events are gathered for the analysis."""
    ANALYZING = "ANALYZING"
    """The analysis runs."""
    PATCHED = "PATCHED"
    """An adapter is proposed."""
    CANARY = "CANARY"
    """The adapter is tried on recorded events."""
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    """A person has to approve or reject the adapter."""
    PROMOTED = "PROMOTED"
    """The adapter is active and bakes."""
    RESOLVED = "RESOLVED"
    """Over: the bake was quiet, or a person closed it."""
    ROLLED_BACK = "ROLLED_BACK"
    """The adapter was refused by its canary or taken back; a person decides what follows."""
    ESCALATED = "ESCALATED"
    """No safe adapter; a person decides."""


DRIVEN = frozenset({State.DETECTED, State.ANALYZING, State.PATCHED, State.CANARY, State.PROMOTED})
"""States in which the loop itself has something to do."""
WAITING = frozenset({State.AWAITING_APPROVAL, State.ESCALATED, State.ROLLED_BACK})
"""States in which a person is asked."""
OPEN = DRIVEN | WAITING
"""All states but RESOLVED."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """When a state was entered, and why."""

    state: State
    time: float
    actor: str = "loop"
    """`loop`, or who did it."""
    why: str = ""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident."""

    incident_id: str
    stream_id: str
    state: State = State.DETECTED
    severity: Severity = Severity.BREAK
    revision: int = 0
    create_time: float = 0.0
    update_time: float = 0.0
    drift_time: float = 0.0
    """When silent drift began to show; its events passed as healthy from then on. 0 for others: their events are
    held."""
    attempt: int = 1
    """Grows when a person asks for another attempt; the loop itself makes one."""
    failure_keys: tuple[str, ...] = ()
    """Kinds of failure that belong to it: broken paths and rules, or stage and error."""
    headline: str = ""
    """What happened, in one sentence."""
    stage: str = ""
    """Stage at which the first failure showed; `gate` for a broken contract."""
    fingerprint: str = ""
    """Exact key of its signature; empty until analysed."""
    method: str = ""
    """How the adapter was found: SIGNATURE, HEURISTIC or LLM."""
    confidence: float = 0.0
    report_id: str = ""
    adapter_id: str = ""
    canary_id: str = ""
    canary_passed: bool = False
    """The adapter passed its canary and only a person's word is missing."""
    question: str = ""
    """What a person is asked."""
    marks: tuple[Mark, ...] = ()
    """Every state entered so far, in order."""
