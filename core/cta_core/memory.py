"""What the system remembers of an incident that was healed. Data only; `signature` computes keys and likeness."""

from __future__ import annotations

import msgspec

from cta_core.adapter.program import Program


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
    hits: int = 0
    """How often it was found again."""
    confirmed: int = 0
    """How often its fix was promoted and stayed."""
    refused: int = 0
    """How often its fix was refused or rolled back."""
    refused_why: str = ""
    """Why, the last time."""
    retired: bool = False


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
