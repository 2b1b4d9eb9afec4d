"""Sources and faults, both ways."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.struct_pb2 import Struct, Value

from cta.v1 import source_pb2 as api
from cta_server.rpc.convert.problems import MAX_NAME, Problems
from cta_server.rpc.convert.scalars import json_of, timestamp
from cta_server.rpc.convert.words import Words
from cta_server.runtime.faults import FaultKind, FaultSpec, FaultStatus
from cta_server.runtime.sources.source import SourceKind, SourceSpec, SourceState, SourceStatus

KINDS: Final = Words(api.SourceKind, SourceKind)
STATES: Final = Words(api.SourceState, SourceState)


def source(core: SourceStatus) -> api.Source:
    """A source as a message."""
    spec = core.spec
    return api.Source(
        source_id=spec.source_id,
        stream_id=spec.stream_id,
        kind=KINDS.numbers[spec.kind],
        population=spec.population,
        file=spec.file,
        rate=spec.rate,
        limit=spec.limit,
        seed=spec.seed,
        state=STATES.numbers[core.state],
        error=core.error,
        start_time=timestamp(core.start_time),
        sent_count=core.sent,
        healthy_count=core.healthy,
        healed_count=core.healed,
        quarantined_count=core.quarantined,
        measured_rate=core.measured_rate,
    )


def source_of(message: api.Source, problems: Problems) -> SourceSpec:
    """A source of a message; fields that only the server sets are ignored. The runtime says whether it fits."""
    kind = KINDS.word(message.kind, "source.kind", problems, SourceKind.GENERATOR)
    return SourceSpec(
        source_id=message.source_id,
        stream_id=message.stream_id,
        kind=kind or SourceKind.GENERATOR,
        population=message.population,
        file=message.file,
        rate=message.rate,
        limit=message.limit,
        seed=message.seed,
    )


def fault(core: FaultStatus) -> api.Fault:
    """A fault as a message."""
    spec = core.spec
    parameters = Struct()
    parameters.update(dict(spec.parameters))
    return api.Fault(
        fault_id=core.fault_id,
        source_id=spec.source_id,
        kind=spec.kind,
        path=spec.path,
        parameters=parameters,
        share=spec.share,
        seed=spec.seed,
        words=core.words,
        create_time=timestamp(core.create_time),
    )


def fault_of(message: api.Fault, problems: Problems) -> FaultSpec:
    """A fault of a message; fields that only the server sets are ignored."""
    problems.text("fault.kind", message.kind, MAX_NAME, required=True)
    problems.number("fault.share", message.share, least=0, most=1)
    parameters: Any = json_of(Value(struct_value=message.parameters), "fault.parameters", problems)
    return FaultSpec(
        source_id=message.source_id,
        kind=message.kind,
        path=message.path,
        parameters=parameters,
        share=message.share,
        seed=message.seed,
    )


def fault_kind(core: FaultKind) -> api.FaultKind:
    """A kind of fault as a message."""
    return api.FaultKind(kind=core.kind, description=core.description, parameters=dict(core.parameters))
