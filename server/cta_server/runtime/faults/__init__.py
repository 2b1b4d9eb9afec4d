"""Faults: seeded changes of what a source sends, to see the loop at work."""

from __future__ import annotations

from cta_server.runtime.faults.compile import compile_fault, fault_kinds
from cta_server.runtime.faults.fault import Fault, FaultKind, FaultSpec, FaultStatus

__all__ = ["Fault", "FaultKind", "FaultSpec", "FaultStatus", "compile_fault", "fault_kinds"]
