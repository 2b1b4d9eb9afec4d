"""Incidents out."""

from __future__ import annotations

from typing import Final

from cta.v1 import incident_pb2 as api
from cta_core.diagnosis.report import Method
from cta_core.incident import Incident, State
from cta_server.rpc.convert.report import METHODS, SEVERITIES
from cta_server.rpc.convert.scalars import timestamp
from cta_server.rpc.convert.words import Words

STATES: Final = Words(api.IncidentState, State)


def incident(core: Incident, *, quarantined: int = 0, redriven: int = 0) -> api.Incident:
    """An incident as a message. `quarantined` counts redriven events as well."""
    return api.Incident(
        incident_id=core.incident_id,
        revision=core.revision,
        create_time=timestamp(core.create_time),
        update_time=timestamp(core.update_time),
        state=STATES.numbers[core.state],
        stream_id=core.stream_id,
        severity=SEVERITIES.numbers[core.severity],
        headline=core.headline,
        stage=core.stage,
        attempt=core.attempt,
        failure_keys=core.failure_keys,
        fingerprint=core.fingerprint,
        method=METHODS.number(Method(core.method) if core.method else None),
        confidence=core.confidence,
        report_id=core.report_id,
        adapter_id=core.adapter_id,
        canary_id=core.canary_id,
        question=core.question,
        marks=[
            api.IncidentMark(
                state=STATES.numbers[mark.state], time=timestamp(mark.time), actor=mark.actor, why=mark.why
            )
            for mark in core.marks
        ],
        quarantined_count=quarantined,
        redriven_count=redriven,
    )
