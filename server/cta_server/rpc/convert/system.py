"""Decisions and counts of the whole server, out."""

from __future__ import annotations

from cta.v1 import system_service_pb2 as api
from cta_core.memory import DecisionEntry
from cta_server.rpc.convert.scalars import duration, timestamp
from cta_server.runtime.ports import SpoolNow
from cta_server.runtime.system import StatsNow


def stats(core: StatsNow) -> api.Stats:
    """The counts as a message."""
    counts = {name: getattr(core, name) for name in core.__struct_fields__ if name not in ("uptime", "archive")}
    return api.Stats(uptime=duration(core.uptime * 1000), archive=archive(core.archive), **counts)


def archive(core: SpoolNow) -> api.ArchiveStats:
    """The archive's state as a message."""
    return api.ArchiveStats(
        engine=core.engine,
        reachable=core.reachable,
        spooled_rows=core.spooled_rows,
        spooled_bytes=core.spooled_bytes,
        oldest_age=duration(core.oldest_age * 1000),
        drained_count=core.drained_count,
        dropped_count=core.dropped_count,
        set_aside_count=core.set_aside_count,
        last_error=core.last_error,
    )


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
