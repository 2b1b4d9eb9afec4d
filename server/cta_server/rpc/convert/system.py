"""Decisions and counts of the whole server, out."""

from __future__ import annotations

from cta.v1 import system_service_pb2 as api
from cta_core.memory import DecisionEntry
from cta_server.rpc.convert.scalars import timestamp


def decision(core: DecisionEntry) -> api.DecisionEntry:
    """A decision as a message."""
    return api.DecisionEntry(
        position=core.position,
        time=timestamp(core.time),
        actor=core.actor,
        action=core.action,
        stream_id=core.stream_id,
        incident_id=core.incident_id,
        adapter_id=core.adapter_id,
        why=core.why,
    )
