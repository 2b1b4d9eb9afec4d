"""Gates in tests: adapters in force, and the general way of a gate by itself."""

from __future__ import annotations

from cta_core.adapter.program import Program
from cta_core.gate import ActiveAdapter, Gate, Outcome


def active(program: Program, revision: int = 1) -> ActiveAdapter:
    """An adapter in force, named after its revision."""
    return ActiveAdapter(adapter_id=f"adp_{revision}", revision=revision, program=program)


def general(gate: Gate, raw: bytes) -> Outcome:
    """The outcome by the general way alone."""
    slow = Gate(gate.contract, limits=gate.limits)
    slow._healers, slow._ways = gate._healers, ()
    return slow.judge(raw)
