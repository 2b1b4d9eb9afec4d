"""A canary as the archive keeps it: what was replayed and what came of it. Data only; `verdict` judges."""

from __future__ import annotations

import msgspec

from cta_core.verdict import Judgement, Tally


class CanaryFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Failures of one kind."""

    stage: str
    message: str
    count: int


class Prover(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer's own process that ran a canary's events."""

    worker_id: str
    consumer: str
    """The consumer's name for its handler."""
    version: str = ""
    """Version of the consumer's code; empty where it names none."""
    events: int = 0
    """Events that it answered, drifted and healthy ones."""
    failed: int = 0
    """Of the drifted ones: those that its gate or its handler refused."""


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """One canary."""

    canary_id: str
    stream_id: str
    adapter_id: str
    incident_id: str = ""
    create_time: float = 0.0
    duration_ms: float = 0.0
    tally: Tally = Tally()
    judgement: Judgement | None = None
    """None while it runs."""
    needed: int = 0
    failures: tuple[CanaryFailure, ...] = ()
    proved_by: tuple[Prover, ...] = ()
    """Workers whose own code saw the events; empty when none did."""
    unproved: str = ""
    """Why the consumer's own code, whose word is wanted, gave none; then the verdict is INCONCLUSIVE."""
