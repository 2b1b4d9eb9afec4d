"""Runs and their traces: passes of batches through a consumer's stages. Data only."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class TraceKind(StrEnum):
    """What an entry of a trace tells."""

    STEP = "STEP"
    TOOL = "TOOL"
    ERROR = "ERROR"


class TraceEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of a run's trace."""

    kind: TraceKind
    stage: str
    event_id: str = ""
    """Event that it is about; empty for the whole batch."""
    time: float = 0.0
    duration_ms: float = 0.0
    tool: str = ""
    error_type: str = ""
    message: str = ""
    input_json: str = ""
    output_json: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One pass of a batch through the stages."""

    run_id: str
    stream_id: str
    create_time: float = 0.0
    event_count: int = 0
    failed_count: int = 0
    duration_ms: float = 0.0
    rerun_of: str = ""
    """Run that this one repeats with an adapter; empty for a first one."""
    adapter_id: str = ""
    request_id: str = ""
    trace: tuple[TraceEvent, ...] = ()
