"""Spans of OpenTelemetry as entries of a trace, and the entries of one trace as a run.

This module decides what each span tells: its stage, its input and output, its error. It knows the conventions for
generative AI, for messaging and for exceptions, and this project's own attributes; bytes, clocks and sockets are
others'. `rpc.convert.otlp` reads the messages, `runtime.traces` keeps the pieces until their run is whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from cta_core.errors import EventRefused
from cta_core.event import encode
from cta_core.run import Run, RunOrigin, TraceEvent, TraceKind, TraceNote, recorded

STREAM: Final = "cta.stream"
"""Attribute of a span or of its resource: the stream that it belongs to."""
SERVICE: Final = "service.name"
STAGE: Final = "cta.stage"
"""Attribute: the stage's name, where the span's own name is not it."""
EVENT: Final = ("cta.event.id", "messaging.message.id")
"""Attributes that name the stream's event; spans below inherit it."""
INPUTS: Final = ("cta.input", "gen_ai.tool.call.arguments", "gen_ai.input.messages")
OUTPUTS: Final = ("cta.output", "gen_ai.tool.call.result", "gen_ai.output.messages")
"""Attributes that hold what a stage took and gave; the first that is there counts."""
OPERATION: Final = "gen_ai.operation.name"
NAMES: Final[Mapping[str, str]] = {
    "execute_tool": "gen_ai.tool.name",
    "invoke_agent": "gen_ai.agent.name",
    "invoke_workflow": "gen_ai.workflow.name",
}
"""Operations whose span is named by an attribute; all others have a span name of few values by convention."""
ERROR_TYPE: Final = "error.type"
EXCEPTION_TYPE, EXCEPTION_MESSAGE, EXCEPTION_STACK = "exception.type", "exception.message", "exception.stacktrace"

NAME_CHARS: Final = 200
TEXT_CHARS: Final = 2000
"""As long as the API takes a name and a message."""
STACK_CHARS: Final = 20_000
"""Some two hundred frames."""
VALUE_CHARS: Final = 4096
"""One attribute; its length limit in the SDKs is off by default."""
ATTRIBUTES_CHARS: Final = 60_000
"""All attributes of one entry, as JSON text."""
BODY_BYTES: Final = 64 * 1024
"""An input or output. 400 of them are looked at in an analysis; longer ones are documents, not events."""
NOTES: Final = 128
"""Notes of one entry: OpenTelemetry's own limit for events of a span."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One span, as it was sent."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits."""
    parent_span_id: str = ""
    remote_parent: bool = False
    """The parent is known to be another process's."""
    name: str = ""
    client: bool = False
    """It asks something else and waits for the answer."""
    start: float = 0.0
    end: float = 0.0
    """Seconds since the epoch."""
    failed: bool = False
    """Its status is ERROR."""
    message: str = ""
    """Text of the status."""
    attributes: Mapping[str, Any] = {}
    notes: tuple[TraceNote, ...] = ()


class Piece(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one span or one log record brings to a trace."""

    span_id: str
    part: str = ""
    """Empty for the span itself; tells log records of one span apart, the same for a record that is sent again."""
    entry: TraceEvent | None = None
    """The span's entry."""
    error: TraceEvent | None = None
    """What failed in it."""
    note: TraceNote | None = None
    """The log record."""
    root: bool = False
    """Nothing of this stream's trace lies above the span: when it has ended, the rest has ended."""


def wanted_stream(span: Mapping[str, Any], resource: Mapping[str, Any]) -> tuple[str, bool]:
    """The stream that attributes name, and whether they name it outright; a service's name is only a proposal."""
    for attributes in (span, resource):
        if attributes.get(STREAM):
            return str(attributes[STREAM]), True
    return str(resource.get(SERVICE, "")), False


def piece_of(span: Span, service: str = "") -> tuple[Piece, tuple[str, ...]]:
    """What a span brings, and what of it was too long to be kept, in words."""
    attributes = dict(span.attributes)
    lost: list[str] = []
    given = _body(attributes, INPUTS, "input", lost)
    made = _body(attributes, OUTPUTS, "output", lost)
    operation = str(attributes.get(OPERATION, ""))
    tool = str(attributes.get("gen_ai.tool.name", "")) or (span.name if span.client else "")
    is_tool = span.client or operation == "execute_tool"
    if service:
        attributes.setdefault(SERVICE, service)
    entry = TraceEvent(
        kind=TraceKind.TOOL if is_tool else TraceKind.STEP,
        stage=_stage(span, operation),
        event_id=next((str(attributes[name])[:NAME_CHARS] for name in EVENT if attributes.get(name)), ""),
        time=span.start,
        duration_ms=max(span.end - span.start, 0.0) * 1000,
        tool=tool[:NAME_CHARS] if is_tool else "",
        message=span.message[:TEXT_CHARS],
        input_json=given,
        output_json=made,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        attributes_json=attributes_text(attributes),
        notes=span.notes[:NOTES],
    )
    error = _error(span, entry) if span.failed else None
    root = not span.parent_span_id or span.remote_parent
    return Piece(span_id=span.span_id, entry=entry, error=error, root=root), tuple(lost)


def attributes_text(attributes: Mapping[str, Any]) -> str:
    """Attributes as JSON text: long values are cut, and those that then do not fit are left out, the last ones first;
    empty for none.
    """
    parts: list[str] = []
    room = ATTRIBUTES_CHARS
    for name, value in attributes.items():
        short = value if not isinstance(value, str) or len(value) <= VALUE_CHARS else value[:VALUE_CHARS] + "..."
        part = f"{_text(name[:NAME_CHARS])}:{_text(short)}"
        room -= len(part) + 1
        if room < 0:
            break
        parts.append(part)
    return "{" + ",".join(parts) + "}" if parts else ""


def assemble(pieces: Iterable[Piece], *, run_id: str, stream_id: str, trace_id: str, request_id: str = "") -> Run:
    """The run of a trace. Entries stand in order of their start, each error where its span ended, inner ones first.

    A log record joins its span as a note; one whose span never came stands for itself.
    """
    given = list(pieces)
    notes = _notes(given)
    spans = {piece.span_id: piece for piece in given if piece.entry is not None}
    parents = {span_id: piece.entry.parent_span_id for span_id, piece in spans.items() if piece.entry is not None}
    ordered: list[tuple[float, int, int, TraceEvent]] = []
    for span_id, piece in spans.items():
        if piece.entry is None:
            continue
        above = _above(span_id, parents)
        entry, error = _joined(piece.entry, piece.error, notes.pop(span_id, []))
        event_id = next((e.event_id for each in above if (e := spans[each].entry) is not None and e.event_id), "")
        entry = msgspec.structs.replace(entry, event_id=event_id)
        ordered.append((entry.time, 0, len(above), entry))
        if error is not None:
            ordered.append((error.time, 1, -len(above), msgspec.structs.replace(error, event_id=event_id)))
    for span_id, orphans in notes.items():
        alone = TraceEvent(
            kind=TraceKind.STEP, stage="log", time=orphans[0].time, span_id=span_id, notes=tuple(orphans[:NOTES])
        )
        ordered.append((alone.time, 0, 0, alone))
    ordered.sort(key=lambda each: each[:3])
    trace = tuple(entry for *_, entry in ordered)
    events = {entry.event_id for entry in trace if entry.event_id}
    failed = [entry.event_id for entry in trace if entry.kind is TraceKind.ERROR]
    began = min((entry.time for entry in trace if entry.time), default=0.0)
    ended = max((entry.time + entry.duration_ms / 1000 for entry in trace), default=0.0)
    return Run(
        run_id=run_id,
        stream_id=stream_id,
        create_time=began,
        event_count=max(len(events), 1),
        failed_count=max(len(set(failed) - {""}), 1) if failed else 0,
        duration_ms=max(ended - began, 0.0) * 1000,
        request_id=request_id,
        trace=trace,
        trace_id=trace_id,
        origin=RunOrigin.OTLP,
        recorded_count=recorded(trace),
    )


def _stage(span: Span, operation: str) -> str:
    named = span.attributes.get(STAGE) or span.attributes.get(NAMES.get(operation, "")) or span.name
    return str(named)[:NAME_CHARS] or "span"


def _body(attributes: dict[str, Any], names: Sequence[str], what: str, lost: list[str]) -> str:
    """What a stage took or gave as JSON text, taken out of the attributes; too long a one is left out, never cut."""
    name = next((name for name in names if name in attributes), "")
    if not name:
        return ""
    value = attributes.pop(name)
    text = value if isinstance(value, str) and _is_json(value) else _text(value)
    if len(text.encode("utf-8", "replace")) <= BODY_BYTES:
        return text
    lost.append(f"{what} of {len(text):,} characters ({name})")
    attributes["cta.left_out"] = ", ".join(lost)
    return ""


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _text(value: Any) -> str:
    """Any value as JSON text; what JSON cannot say is told in words."""
    try:
        return encode(value).decode()
    except (EventRefused, TypeError):
        return encode(repr(value)[:VALUE_CHARS].encode("utf-8", "backslashreplace").decode()).decode()


def _error(span: Span, entry: TraceEvent) -> TraceEvent:
    """The entry of what failed: the span's last exception, else its status."""
    kind, text, stack = str(span.attributes.get(ERROR_TYPE, "")), span.message, ""
    for note in reversed(span.notes):
        found = exception_of(note)
        if found is not None:
            kind, text, stack = found[0] or kind, found[1] or text, found[2]
            break
    return TraceEvent(
        kind=TraceKind.ERROR,
        stage=entry.stage,
        time=span.end or span.start,
        error_type=(kind or "error")[:NAME_CHARS],
        message=text[:TEXT_CHARS],
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        stacktrace=stack[:STACK_CHARS],
    )


def exception_of(note: TraceNote) -> tuple[str, str, str] | None:
    """Type, message and stack of the exception that a note tells of; None if it tells of none."""
    if "exception." not in note.attributes_json:
        return None
    try:
        attributes = msgspec.json.decode(note.attributes_json, type=dict[str, Any])
    except msgspec.DecodeError:
        return None
    found = tuple(str(attributes.get(name, "")) for name in (EXCEPTION_TYPE, EXCEPTION_MESSAGE, EXCEPTION_STACK))
    return (found[0], found[1], found[2]) if any(found) else None


def _notes(pieces: Sequence[Piece]) -> dict[str, list[TraceNote]]:
    """The log records by span, in order of time."""
    notes: dict[str, list[TraceNote]] = {}
    for piece in pieces:
        if piece.note is not None:
            notes.setdefault(piece.span_id, []).append(piece.note)
    for each in notes.values():
        each.sort(key=lambda note: note.time)
    return notes


def _above(span_id: str, parents: Mapping[str, str]) -> list[str]:
    """The span and those above it that are there; parents in a circle end it."""
    found: dict[str, None] = {}
    while span_id in parents and span_id not in found:
        found[span_id] = None
        span_id = parents[span_id]
    return list(found)


def _joined(
    entry: TraceEvent, error: TraceEvent | None, logs: Sequence[TraceNote]
) -> tuple[TraceEvent, TraceEvent | None]:
    """The entry with the log records of its span; an exception that only a record tells of completes the error."""
    if not logs:
        return entry, error
    notes = sorted((*entry.notes, *logs), key=lambda note: note.time)[:NOTES]
    entry = msgspec.structs.replace(entry, notes=tuple(notes))
    if error is not None and not error.stacktrace:
        for note in reversed(logs):
            found = exception_of(note)
            if found is not None:
                kind, text, stack = found
                error = msgspec.structs.replace(
                    error,
                    error_type=(kind or error.error_type)[:NAME_CHARS],
                    message=(text or error.message)[:TEXT_CHARS],
                    stacktrace=stack[:STACK_CHARS],
                )
                break
    return entry, error
