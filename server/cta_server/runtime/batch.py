"""A batch on its way: what arrives, and what became of each event. Data only."""

from __future__ import annotations

import msgspec

from cta_core.gate import OutcomeKind
from cta_core.quarantine import HeldBreach, HeldReason


class Incoming(msgspec.Struct, frozen=True):
    """One event as it arrives."""

    raw: bytes
    event_id: str = ""
    event_time: float = 0.0


class EventResult(msgspec.Struct, frozen=True):
    """What became of one event."""

    kind: OutcomeKind
    event_id: str
    payload: bytes = b""
    """The event after the gate; empty when it is quarantined."""
    adapter_id: str = ""
    adapter_revision: int = 0
    reason: HeldReason | None = None
    message: str = ""
    breaches: tuple[HeldBreach, ...] = ()
    stage: str = ""


class BatchResult(msgspec.Struct, frozen=True):
    """What became of a batch, in its order."""

    results: tuple[EventResult, ...]
    revision: int
    run_id: str = ""


class ReportedFailure(msgspec.Struct, frozen=True, kw_only=True):
    """An event on which a consumer outside raised."""

    event: Incoming
    stage: str
    error_type: str
    message: str
    adapter_id: str = ""
    """Adapter that had healed the event there; empty when none had."""
