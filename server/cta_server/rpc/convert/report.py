"""Reports out: everything that an analysis found. Reports are never sent in."""

from __future__ import annotations

from typing import Final

from cta.v1 import report_pb2 as api
from cta_core.diagnosis.report import Method, Reading, Report, Rerun, Severity
from cta_server.rpc.convert.adapter import program, program_of
from cta_server.rpc.convert.mirror import Mirror, Reader, Writer
from cta_server.rpc.convert.scalars import duration, timestamp
from cta_server.rpc.convert.words import Words
from cta_server.runtime.ports import StoredReport

METHODS: Final = Words(api.Method, Method)
SEVERITIES: Final = Words(api.Severity, Severity)


_PROGRAM: Final[tuple[Writer, Reader]] = (
    lambda core: None if core is None else program(core),
    lambda message, field, problems: program_of(message.program, field, problems),
)
_READING: Final = Mirror(Reading, api.Reading, own={"program": _PROGRAM})
_READINGS: Final[tuple[Writer, Reader]] = (
    lambda readings: [_READING.message(reading) for reading in readings],
    lambda message, field, problems: tuple(
        _READING.struct(reading, f"{field}[{index}]", problems) for index, reading in enumerate(message.readings)
    ),
)
_RERUN_MESSAGE: Final = Mirror(Rerun, api.Rerun)
_RERUN: Final[tuple[Writer, Reader]] = (
    lambda core: None if core is None else _RERUN_MESSAGE.message(core),
    lambda message, field, problems: (
        _RERUN_MESSAGE.struct(message.rerun, field, problems) if message.HasField("rerun") else None
    ),
)
_REPORT: Final = Mirror(
    Report,
    api.Report,
    renamed={"held": "held_count"},
    own={"program": _PROGRAM, "readings": _READINGS, "rerun": _RERUN},
)


def report(core: Report, *, duration_ms: float) -> api.Report:
    """A report of a stateless diagnosis as a message."""
    message: api.Report = _REPORT.message(core)
    message.duration.CopyFrom(duration(duration_ms))
    return message


def stored(core: StoredReport) -> api.Report:
    """A stored report as a message."""
    message = report(core.report, duration_ms=core.duration_ms)
    message.report_id, message.stream_id, message.incident_id = core.report_id, core.stream_id, core.incident_id
    made = timestamp(core.create_time)
    if made is not None:
        message.create_time.CopyFrom(made)
    return message
