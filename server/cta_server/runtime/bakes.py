"""The bake: a promoted adapter is watched for a while, and taken back by itself when its stream gets worse.

Counts what the adapter healed and what failed after it (its own contract check, or a stage). Worse means: the lower
bound of that error rate is above the policy's limit, so that a single bad event among few does not undo a good fix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from cta_core.gate import OutcomeKind
from cta_core.quarantine import HeldReason
from cta_core.stream import Policy
from cta_core.verdict import lower_bound
from cta_server.runtime.batch import EventResult

KEPT: Final = 400
"""Healed events kept per bake for the comparison with the healthy profile at its end; an analysis looks at as many."""


class Bake(msgspec.Struct):
    """What was seen of one adapter since its promotion."""

    healed: int = 0
    failed: int = 0
    refused: int = 0
    """Events that the adapter would not touch and left in the quarantine: safe, and no failure."""
    sample: list[bytes] = msgspec.field(default_factory=list[bytes])
    why: str = ""
    """The first failure's message."""

    def worse(self, policy: Policy) -> str:
        """Why the stream got worse; empty when it did not."""
        total = self.healed + self.failed
        bound = lower_bound(self.failed, total, policy.canary.sureness)
        if bound <= policy.bake_max_error_rate:
            return ""
        return f"{self.failed} of {total} healed events failed in the bake, at least {bound:.1%}: {self.why}"


class Bakes:
    """The adapters that bake."""

    def __init__(self) -> None:
        self._bakes: dict[str, Bake] = {}

    def begin(self, adapter_id: str) -> Bake:
        """Starts or goes on watching an adapter."""
        return self._bakes.setdefault(adapter_id, Bake())

    def end(self, adapter_id: str) -> None:
        """Stops watching."""
        self._bakes.pop(adapter_id, None)

    def count(self, adapter_id: str, healed: int) -> None:
        """Counts events that the adapter healed in a worker's own process, and that went well there."""
        bake = self._bakes.get(adapter_id)
        if bake is not None:
            bake.healed += healed

    def observe(self, _stream_id: str, results: Sequence[EventResult]) -> None:
        """Counts a batch's results."""
        if not self._bakes:
            return
        for result in results:
            bake = self._bakes.get(result.adapter_id) if result.adapter_id else None
            if bake is None:
                continue
            if result.kind is OutcomeKind.HEALED:
                bake.healed += 1
                if len(bake.sample) < KEPT:
                    bake.sample.append(result.payload)
            elif result.reason is HeldReason.ADAPTER_REFUSED:
                bake.refused += 1
            else:
                bake.failed += 1
                bake.why = bake.why or result.message
