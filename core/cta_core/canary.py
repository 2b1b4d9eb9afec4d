"""A canary as the archive keeps it: what was replayed and what came of it. Data only; `verdict` judges."""

from __future__ import annotations

import msgspec

from cta_core.verdict import Judgement, Tally


class CanaryFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Failures of one kind."""

    stage: str
    message: str
    count: int


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
