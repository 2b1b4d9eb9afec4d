"""An adapter as the journal keeps it: a program with its state, origin and revision. Data only."""

from __future__ import annotations

import msgspec

from cta_core.adapter.program import Program
from cta_core.machine import AdapterState


class AdapterRevision(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter of a stream at one revision."""

    adapter_id: str
    stream_id: str
    program: Program
    state: AdapterState = AdapterState.PROPOSED
    revision: int = 0
    create_time: float = 0.0
    update_time: float = 0.0
    incident_id: str = ""
    """Incident that it was made for; empty for one that a person brought."""
    author: str = "loop"
    comment: str = ""
    signature_id: str = ""
    """Signature that it was remembered from; empty for a new one."""
