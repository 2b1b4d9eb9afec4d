"""Quarantined events and deliveries: what is held, why, and what left the quarantine. Data only."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class HeldReason(StrEnum):
    """Why an event was quarantined; the names of the API's `QuarantineReason`."""

    MALFORMED = "MALFORMED"
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    TOO_LARGE = "TOO_LARGE"
    TOO_DEEP = "TOO_DEEP"
    CONTRACT = "CONTRACT"
    ADAPTER_REFUSED = "ADAPTER_REFUSED"
    STAGE_FAILED = "STAGE_FAILED"
    SILENT_DRIFT = "SILENT_DRIFT"


class HeldState(StrEnum):
    """Whether a quarantined event still waits."""

    HELD = "HELD"
    REDRIVEN = "REDRIVEN"


class HeldBreach(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that a field of a held event broke."""

    path: str
    rule: str
    message: str


class HeldEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event in the quarantine. `(stream_id, event_id)` is unique: the same event is held once."""

    stream_id: str
    event_id: str
    raw: bytes
    """The event as it came, byte for byte."""
    reason: HeldReason
    message: str = ""
    breaches: tuple[HeldBreach, ...] = ()
    stage: str = ""
    """Stage that failed on it; empty for the gate."""
    failure_key: str = ""
    """Kind of failure: broken paths and rules, or stage and error. Failures with one key are of one cause."""
    incident_id: str = ""
    run_id: str = ""
    """Run in which it failed; empty for the gate."""
    arrive_time: float = 0.0
    position: int = 0
    """Place in the quarantine, given by the journal."""
    state: HeldState = HeldState.HELD
    redrive_time: float = 0.0


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A redriven event in the delivery log; one per quarantined event, written together with its new state."""

    stream_id: str
    event_id: str
    raw: bytes
    """The event after the gate."""
    original: bytes = b""
    adapter_id: str = ""
    """Adapter that healed it; empty where the event passed as it was."""
    adapter_revision: int = 0
    held_position: int = 0
    time: float = 0.0
    position: int = 0
    """Place in the log, given by the journal."""
