"""Traces as JSON Lines: what an agent or a pipeline wrote about its steps, tools and errors, as runs, and back.

This module decides which spellings are taken, which line is none, and where its fault lies. A line is one entry; the
entries of one run may stand among those of others. Pure; called by `cta runs import` and `cta runs export`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from cta_core.errors import EventRefused, Violation
from cta_core.event import decode, encode
from cta_core.path import is_array, is_object
from cta_core.run import Run, RunOrigin, TraceEvent, TraceKind, TraceNote, recorded

SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "run": ("run", "run_id", "trace", "trace_id", "session_id"),
    "stream": ("stream", "stream_id"),
    "kind": ("kind", "event", "type"),
    "name": ("name", "stage", "step", "node", "agent"),
    "tool": ("tool", "tool_name"),
    "time": ("time", "timestamp", "ts", "start_time"),
    "duration": ("duration_ms", "latency_ms", "elapsed_ms"),
    "event": ("event_id", "message_id"),
    "input": ("input", "inputs", "args", "arguments"),
    "output": ("output", "outputs", "result"),
    "error": ("error", "error_message", "message", "exception"),
    "error_type": ("error_type", "exception_type", "type"),
    "stack": ("stack", "stacktrace", "traceback"),
    "span": ("span_id", "id"),
    "parent": ("parent_span_id", "parent_id"),
    "attributes": ("attributes", "metadata"),
    "notes": ("notes",),
}
"""Keys that are taken for each field, the first that is there counts. `runId` is read as `run_id`; every other key of a
line is kept as an attribute."""
KINDS: Final[Mapping[str, TraceKind]] = {
    "step": TraceKind.STEP,
    "tool": TraceKind.TOOL,
    "tool_call": TraceKind.TOOL,
    "error": TraceKind.ERROR,
    "exception": TraceKind.ERROR,
}
FAILURES: Final = ("error", "error_message", "exception", "error_type", "exception_type")
"""Keys that say of a step or a tool that it failed. `message` and `type` alone do not: steps have them as well."""
NAME_CHARS, TEXT_CHARS, STACK_CHARS, ATTRIBUTES_CHARS = 200, 2000, 20_000, 64 * 1024
MOST_ENTRIES: Final = 10_000
"""As much as the API takes: a longer message or stack is cut, anything else is refused."""

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOTHING: Final = object()
"""A field that is not there."""


class _Fault(Exception):
    """A line is no entry: the field, and what would be right."""

    def __init__(self, field: str, remedy: str) -> None:
        self.field, self.remedy = field, remedy
        super().__init__(remedy)


class _Line(msgspec.Struct, frozen=True):
    """A line's entry, where it belongs, and the error it ended with."""

    run: str
    stream: str
    entries: tuple[TraceEvent, ...]


def read(lines: Iterable[bytes], *, stream_id: str = "") -> tuple[list[Run], list[Violation]]:
    """The runs in the lines, in the order in which they began, and what is wrong with lines that are no entries.

    Args:
        lines: Without those that are empty; numbered from 1 in the violations, whose field is `line 3: kind`.
        stream_id: Stream of runs whose lines name none.
    """
    found: dict[tuple[str, str], list[TraceEvent]] = {}
    faults: list[Violation] = []
    for number, raw in enumerate(lines, 1):
        try:
            line = _line(raw, stream_id)
        except _Fault as fault:
            faults.append(Violation(f"line {number}: {fault.field}", fault.remedy))
            continue
        except EventRefused as refusal:
            faults.append(Violation(f"line {number}", f"cannot be written as JSON: {refusal.reason}"))
            continue
        entries = found.setdefault((line.stream, line.run), [])
        if len(entries) + len(line.entries) <= MOST_ENTRIES:
            entries.extend(line.entries)
        else:
            faults.append(Violation(f"line {number}: run", f"has more than {MOST_ENTRIES:,} entries"))
    runs = [_run(stream, name, entries) for (stream, name), entries in found.items() if entries]
    # Runs without times stay where they are: the sort is stable, and 0 comes first.
    return sorted(runs, key=lambda run: run.create_time), faults


def write(run: Run) -> Iterator[bytes]:
    """The run as lines, one an entry, which `read` takes."""
    for entry in run.trace:
        fields: dict[str, Any] = {
            "run": run.trace_id or run.run_id,
            "stream": run.stream_id,
            "kind": entry.kind.value.lower(),
            "name": entry.stage,
            "tool": entry.tool,
            "time": _iso(entry.time),
            "duration_ms": entry.duration_ms,
            "event_id": entry.event_id,
            "input": _value(entry.input_json),
            "output": _value(entry.output_json),
            "message": entry.message,
            # Of a step they would say that it failed, and its failure is an entry of its own.
            "error_type": entry.error_type if entry.kind is TraceKind.ERROR else "",
            "stack": entry.stacktrace if entry.kind is TraceKind.ERROR else "",
            "span_id": entry.span_id,
            "parent_span_id": entry.parent_span_id,
            "attributes": _value(entry.attributes_json),
            "notes": msgspec.to_builtins(entry.notes),
        }
        always = ("run", "stream", "kind", "name")
        # An input of 0 or {} says something; no duration and no message say nothing.
        whole = ("input", "output", "attributes")
        yield msgspec.json.encode(
            {name: it for name, it in fields.items() if name in always or (it is not _NOTHING if name in whole else it)}
        )


def _line(raw: bytes, stream_id: str) -> _Line:
    try:
        given = decode(raw)
    except EventRefused as refusal:
        raise _Fault("the line", f"is no entry: {refusal.reason}") from None
    fields = {_CAMEL.sub("_", name).lower(): value for name, value in given.items()}
    kind = _kind(fields)
    run = _name(fields, "run", required=True)
    stream = _name(fields, "stream") or stream_id
    if not stream:
        raise _Fault("stream", "name the stream in the line, or with --stream")
    failure = _error(fields) if kind is TraceKind.ERROR or _failed(fields) else {}
    tool, stage = _name(fields, "tool"), _name(fields, "name")
    entry = TraceEvent(
        kind=kind,
        stage=stage or tool or _missing(),
        tool=tool or (stage if kind is TraceKind.TOOL else ""),
        time=_time(fields),
        duration_ms=_duration(fields),
        event_id=_name(fields, "event"),
        input_json=_body(fields, "input"),
        output_json=_body(fields, "output"),
        span_id=_name(fields, "span"),
        parent_span_id=_name(fields, "parent"),
        notes=_notes(fields),
    )
    if kind is TraceKind.ERROR:
        entry = msgspec.structs.replace(entry, **failure)
    else:
        entry = msgspec.structs.replace(entry, message=_message(fields))
    entry = msgspec.structs.replace(entry, attributes_json=_attributes(fields))
    if not failure or kind is TraceKind.ERROR:
        return _Line(run, stream, (entry,))
    ended = entry.time + entry.duration_ms / 1000 if entry.time else 0.0
    error = TraceEvent(
        kind=TraceKind.ERROR,
        stage=entry.stage,
        tool=entry.tool,
        time=ended,
        event_id=entry.event_id,
        span_id=entry.span_id,
        parent_span_id=entry.parent_span_id,
    )
    return _Line(run, stream, (entry, msgspec.structs.replace(error, **failure)))


def _take(fields: dict[str, Any], field: str) -> Any:
    """The value of a field, taken out of the line; `_NOTHING` if no spelling of it is there."""
    for spelling in SPELLINGS[field]:
        if fields.get(spelling) is not None:
            return fields.pop(spelling)
    return _NOTHING


def _missing() -> str:
    raise _Fault("name", f"name the stage in one of {', '.join(SPELLINGS['name'])}")


def _kind(fields: dict[str, Any]) -> TraceKind:
    """The kind: of its spellings the first whose value is one, since `type` may be the error's class as well."""
    for spelling in SPELLINGS["kind"]:
        word = fields.get(spelling)
        if isinstance(word, str) and word.lower() in KINDS:
            del fields[spelling]
            return KINDS[word.lower()]
    raise _Fault("kind", f"must be one of {', '.join(KINDS)}, in one of {', '.join(SPELLINGS['kind'])}")


def _name(fields: dict[str, Any], field: str, *, required: bool = False) -> str:
    value = _take(fields, field)
    if value is _NOTHING or value == "":
        if required:
            raise _Fault(field, f"must be there, as one of {', '.join(SPELLINGS[field])}")
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _Fault(field, "must be text")
    text = str(value)
    if len(text) > NAME_CHARS:
        raise _Fault(field, f"must have at most {NAME_CHARS} characters, it has {len(text)}")
    return text


def _time(fields: dict[str, Any]) -> float:
    """Seconds since the epoch, of ISO 8601 text or of a number, whose size tells its unit."""
    value = _take(fields, "time")
    if value is _NOTHING:
        return 0.0
    if isinstance(value, str):
        try:
            parsed = dt.datetime.fromisoformat(value)
        except ValueError:
            raise _Fault("time", "must be ISO 8601, 2026-01-31T12:00:00Z, or a Unix time") from None
        # Without an offset it is UTC: the file has to mean the same everywhere.
        value = (parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _Fault("time", "must be ISO 8601 text or a Unix time")
    for unit in (1e9, 1e6, 1e3):  # 1e11 seconds are the year 5138, and as milliseconds 1973
        if value >= 1e11 * unit / 1e3:
            value /= unit
            break
    if not 0 <= value <= 253_402_300_799:
        raise _Fault("time", "must lie between 1970 and 9999")
    return float(value)


def _duration(fields: dict[str, Any]) -> float:
    value = _take(fields, "duration")
    if value is _NOTHING:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e12:
        raise _Fault("duration", "must be a number of milliseconds, 0 or more")
    return float(value)


def _body(fields: dict[str, Any], field: str) -> str:
    """JSON text. A text that holds a JSON object or list is taken for what it holds."""
    value = _take(fields, field)
    if value is _NOTHING:
        return ""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return _text(value)
        return value
    return _text(value)


def _text(value: Any) -> str:
    return encode(value).decode()


def _failed(fields: dict[str, Any]) -> bool:
    """Whether a step's line says that it failed; `"error": false` and an empty one say that it did not."""
    for name in FAILURES:
        if name in fields and not fields[name]:
            del fields[name]
    return any(name in fields for name in FAILURES)


def _message(fields: dict[str, Any]) -> str:
    """What a step or a tool says of itself."""
    value = fields.pop("message", None)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Fault("message", "must be text in a line that is no error")
    return value[:TEXT_CHARS]


def _error(fields: dict[str, Any]) -> dict[str, str]:
    """Message, class and stack; an `error` may be an object that holds all three."""
    value = _take(fields, "error")
    inner: dict[str, Any] = value if is_object(value) else {}
    message: Any = inner.get("message", "") if inner else "" if value is _NOTHING else value
    error_type: Any = inner.get("type") or inner.get("name") or _name(fields, "error_type")
    stack: Any = inner.get("stack") or inner.get("stacktrace") or _take(fields, "stack")
    for field, text in (("error", message), ("error_type", error_type)):
        if not isinstance(text, str):
            raise _Fault(field, "must be text, or an object with type, message and stack")
    if not message and not error_type:
        raise _Fault("error", "say what failed: its message, its class, or both")
    return {
        "message": str(message)[:TEXT_CHARS],
        "error_type": str(error_type or "error")[:NAME_CHARS],
        "stacktrace": "" if stack is _NOTHING else _lines(stack)[:STACK_CHARS],
    }


def _lines(stack: Any) -> str:
    return "\n".join(str(each) for each in stack) if is_array(stack) else str(stack)


def _notes(fields: dict[str, Any]) -> tuple[TraceNote, ...]:
    value = _take(fields, "notes")
    if value is _NOTHING:
        return ()
    try:
        return msgspec.convert(value, tuple[TraceNote, ...])[:128]
    except msgspec.ValidationError as error:
        raise _Fault("notes", f"must be a list of {{time, name, message, attributes_json}}: {error}") from None


def _attributes(fields: dict[str, Any]) -> str:
    """The line's attributes, and every key that is nothing else."""
    value = _take(fields, "attributes")
    own: dict[str, Any] = value if is_object(value) else {}
    if value is not _NOTHING and not is_object(value):
        raise _Fault("attributes", "must be an object")
    all_of = own | {name: it for name, it in fields.items() if it is not None}
    text = _text(all_of) if all_of else ""
    if len(text) > ATTRIBUTES_CHARS:
        raise _Fault("attributes", f"must have at most {ATTRIBUTES_CHARS:,} characters, they have {len(text):,}")
    return text


def _run(stream_id: str, name: str, entries: list[TraceEvent]) -> Run:
    """The run of its entries: in order of time where every entry has one, else in that of the lines."""
    if all(entry.time for entry in entries):
        entries = sorted(entries, key=lambda entry: entry.time)
    trace = tuple(entries)
    began = min((entry.time for entry in trace if entry.time), default=0.0)
    ended = max((entry.time + entry.duration_ms / 1000 for entry in trace if entry.time), default=0.0)
    failed = [entry.event_id for entry in trace if entry.kind is TraceKind.ERROR]
    content = msgspec.json.encode([stream_id, name, trace])
    return Run(
        run_id="",
        stream_id=stream_id,
        create_time=began,
        event_count=max(len({entry.event_id for entry in trace} - {""}), 1),
        failed_count=max(len(set(failed) - {""}), 1) if failed else 0,
        duration_ms=max(ended - began, 0.0) * 1000,
        # The content decides whether a run is known: importing a file twice makes no second one.
        request_id=f"import-{hashlib.blake2b(content, digest_size=20).hexdigest()}",
        trace=trace,
        trace_id=name,
        origin=RunOrigin.RECORDED,
        recorded_count=recorded(trace),
    )


def _iso(seconds: float) -> str:
    if not seconds:
        return ""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="microseconds")


def _value(text: str) -> Any:
    """The value of a JSON text; of one that is none the text itself."""
    if not text:
        return _NOTHING
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
