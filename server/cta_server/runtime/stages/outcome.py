"""What comes out of a consumer's stages: one outcome per event, and the result of a whole batch. Data only.

Failures that the stages did not raise themselves have one of the error types named here.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cta_server.runtime.stages.spec import StageSpec

TIME_LIMIT: Final = "StageTimeLimit"
"""The stage took longer than it may."""
CRASHED: Final = "StageCrashed"
"""The stage ended the worker process."""
NOT_JSON: Final = "StageOutputNotJson"
"""The stage returned something that JSON cannot say, or too much of it."""
NOT_READ: Final = "EventNotRead"
"""The event is not a JSON object; no stage saw it."""
NOT_LOADED: Final = "StageNotLoaded"
"""The stage cannot be imported; no stage ran."""
NOT_RUN: Final = "StageNotRun"
"""So many events of the batch hung or crashed that the rest was not tried."""

VALUE_BYTES: Final = 16 * 1024
"""Longest output of one stage that is kept for a trace; an analysis needs events, not documents."""
VALUES_BYTES: Final = 64 * 1024
"""The same of all stages of one event."""
VALUES_HEALTHY: Final = 20
"""Of the events of one batch that went well so many, the first, keep their values; the rest would only be copied."""
MESSAGE_CHARS: Final = 300
"""Longest message of an error: one sentence and a value fit, a traceback or a payload do not."""


class StageOutcome(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What the stages made of one event."""

    ok: bool
    output: bytes = b""
    """What the last stage returned, JSON text; empty if a stage failed."""
    stage: str = ""
    """The stage that failed; empty if none did."""
    error_type: str = ""
    """Class of the error, or one of the names above."""
    message: str = ""
    """The error's own words, at most `MESSAGE_CHARS` characters."""
    latency_ms: float = 0.0
    """Time of the whole chain, decoding and encoding included."""
    stage_ms: tuple[float, ...] = ()
    """Time of each stage that ran, in order."""
    values: tuple[bytes, ...] = ()
    """What each stage put out before one failed, in order, JSON text; empty bytes where it is too long to be kept. Only
    for a batch that is recorded."""


class ChainResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the stages made of a batch."""

    outcomes: tuple[StageOutcome, ...]
    """One per event, in the order of the events."""
    stages: tuple[StageSpec, ...]
    """The stages that ran, in order."""
    duration_ms: float = 0.0
    """From the call to its answer, waiting for other batches included."""
    restarts: int = 0
    """How often the worker process had to be started anew."""

    @property
    def failed(self) -> int:
        """How many events failed."""
        return sum(not outcome.ok for outcome in self.outcomes)
