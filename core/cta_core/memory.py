"""What the system remembers of an incident that was healed. Data only; `signature` computes keys and likeness."""

from __future__ import annotations

import msgspec

from cta_core.adapter.program import Program
from cta_core.look import Trait


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """That a fix was refused or rolled back on a stream."""

    stream_id: str
    count: int = 1
    why: str = ""
    """Why, the last time."""


class SignatureRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One signature."""

    signature_id: str
    fingerprint: str
    stream_id: str
    program: Program
    headline: str = ""
    revision: int = 0
    create_time: float = 0.0
    update_time: float = 0.0
    embedding: tuple[float, ...] = ()
    """What it looked like, for likeness; empty for one that is found by its key only."""
    traits: tuple[Trait, ...] = ()
    """The fields of the program that had changed, so that it can be written for other fields."""
    hits: int = 0
    """How often it was found again."""
    confirmed: int = 0
    """How often its fix was promoted and stayed."""
    refused: int = 0
    """How often its fix was refused or rolled back."""
    refused_why: str = ""
    """Why, the last time."""
    retired: bool = False
    refusals: tuple[Refusal, ...] = ()
    """The refusals by stream: on its own stream one blocks the fix, elsewhere it is a caution."""
    counted: tuple[str, ...] = ()
    """Incidents that the counts know already, the newest last, each with what became of it: counting is idempotent."""
    merged_into: str = ""
    """The signature that it was merged into: that one's standing counts, see `merging`."""
    merged: tuple[str, ...] = ()
    """Signatures that were merged into this one."""

    def refused_on(self, stream_id: str) -> Refusal | None:
        """The refusal on a stream, None if there is none."""
        return next((refusal for refusal in self.refusals if refusal.stream_id == stream_id), None)

    def trusted_on(self, stream_id: str) -> bool:
        """May the loop offer this fix on a stream by itself?"""
        return not self.retired and self.confirmed > self.refused and self.refused_on(stream_id) is None


class DecisionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the append-only log of decisions: who did what, when and why."""

    action: str
    """`promote`, `roll_back`, `approve`, `reject`, `kill_switch`, `update_stream`, ..."""
    actor: str = "loop"
    stream_id: str = ""
    incident_id: str = ""
    adapter_id: str = ""
    why: str = ""
    time: float = 0.0
    position: int = 0
