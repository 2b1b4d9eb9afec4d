"""Traces as JSON Lines: the spellings that are taken, the lines that are none, and the way back."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cta_core.run import Run, TraceEvent, TraceKind, TraceNote
from cta_core.trace_file import SPELLINGS, read, write

ERROR = {"type": "KeyError", "message": "no amount", "stack": ["a", "b"]}


def line(**fields: Any) -> bytes:
    """A line with what every line needs."""
    return json.dumps({"run": "r1", "kind": "step", "name": "parse", **fields}).encode()


def only(**fields: Any) -> TraceEvent:
    """The entry of one line."""
    (run,), faults = read([line(**fields)], stream_id="s")
    assert faults == []
    return run.trace[0]


def fault_of(raw: bytes) -> tuple[str, str]:
    """What is wrong with a line: the field and the remedy."""
    runs, (fault,) = read([raw], stream_id="s")
    assert runs == []
    return fault.field, fault.remedy


def test_a_reference_trace_is_read() -> None:
    """Steps, tools and an error in order become one run, whose failure is known."""
    lines = [
        b'{"run_id":"run-7","time":"2026-01-31T12:00:00Z","kind":"step","name":"Intake","input":{"a":1},"output":{"b":2}}',
        b'{"run_id":"run-7","time":"2026-01-31T12:00:01Z","kind":"tool","name":"rates","args":{"c":"USD"},"result":0.9}',
        line(run="run-7", time="2026-01-31T12:00:02Z", kind="error", name="Audit", error=ERROR),
    ]
    (run,), faults = read(lines, stream_id="payments")
    assert faults == []
    assert (run.stream_id, run.trace_id, run.event_count, run.failed_count) == ("payments", "run-7", 1, 1)
    assert (run.create_time, run.duration_ms, run.recorded_count) == (1769860800.0, 2000.0, 1)
    step, tool, error = run.trace
    assert (step.kind, step.stage, step.input_json, step.output_json) == (
        (TraceKind.STEP, "Intake", '{"a":1}', '{"b":2}')
    )
    assert (tool.kind, tool.stage, tool.tool, tool.input_json, tool.output_json) == (
        (TraceKind.TOOL, "rates", "rates", '{"c":"USD"}', "0.9")
    )
    assert (error.error_type, error.message, error.stacktrace) == ("KeyError", "no amount", "a\nb")


@pytest.mark.parametrize("field", ["run", "name", "time", "duration", "event", "input", "output", "span", "parent"])
def test_every_spelling_is_taken(field: str) -> None:
    """Each key, also in camel case, means the same."""
    value: Any = {"time": 1750000000, "duration": 5}.get(field, "x1")
    seen = set()
    for spelling in SPELLINGS[field]:
        head, *rest = spelling.split("_")
        for written in (spelling, head + "".join(part.title() for part in rest)):
            fields = {"run": "r", "kind": "step", "name": "n"}
            fields.pop(field, None)
            (run,), faults = read([json.dumps(fields | {written: value}).encode()], stream_id="s")
            assert faults == []
            seen.add(msgspec.json.encode((run.trace_id if field == "run" else "", run.trace)))
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2026-01-31T12:00:00Z", 1769860800.0),
        ("2026-01-31T13:00:00+01:00", 1769860800.0),
        ("2026-01-31 12:00:00.5", 1769860800.5),
        (1769860800, 1769860800.0),
        (1769860800.25, 1769860800.25),
        (1769860800000, 1769860800.0),
        (1769860800000000, 1769860800.0),
        (1769860800000000000, 1769860800.0),
    ],
)
def test_times_tell_their_unit(value: Any, seconds: float) -> None:
    """ISO 8601, without an offset in UTC, or a Unix time in seconds, milli-, micro- or nanoseconds."""
    assert only(time=value).time == seconds


@pytest.mark.parametrize(
    ("fields", "error_type", "message"),
    [
        ({"error": "boom"}, "error", "boom"),
        ({"message": "boom", "error_type": "E"}, "E", "boom"),
        ({"error": {"name": "E", "message": "boom"}}, "E", "boom"),
        ({"message": "boom", "type": "E"}, "E", "boom"),
        ({"exception": "boom", "exceptionType": "E"}, "E", "boom"),
    ],
)
def test_errors_have_many_writings(fields: dict[str, Any], error_type: str, message: str) -> None:
    """A text, an object, or two keys; `type` is the error's class where the kind is said otherwise."""
    entry = only(kind="error", **fields)
    assert (entry.kind, entry.error_type, entry.message) == (TraceKind.ERROR, error_type, message)


def test_other_keys_are_attributes() -> None:
    """Nothing of a line is lost."""
    entry = only(model="m-1", metadata={"tokens": 7}, arguments='{"a": 1}')
    assert json.loads(entry.attributes_json) == {"tokens": 7, "model": "m-1"}
    assert entry.input_json == '{"a": 1}'


@pytest.mark.parametrize(
    ("raw", "field", "remedy"),
    [
        (b"{", "line 1: the line", "is no entry"),
        (b"[1]", "line 1: the line", "not a JSON object"),
        (line(kind="walk"), "line 1: kind", "must be one of step, tool"),
        (b'{"kind":"step","name":"x"}', "line 1: run", "as one of run, run_id, trace"),
        (b'{"run":"r","kind":"step"}', "line 1: name", "name the stage"),
        (line(run=["r"]), "line 1: run", "must be text"),
        (line(name="x" * 201), "line 1: name", "at most 200 characters"),
        (line(time="yesterday"), "line 1: time", "ISO 8601"),
        (line(time=-1), "line 1: time", "between 1970 and 9999"),
        (line(time=True), "line 1: time", "Unix time"),
        (line(duration_ms="fast"), "line 1: duration", "milliseconds"),
        (line(kind="error"), "line 1: error", "say what failed"),
        (line(error=True), "line 1: error", "must be text, or an object"),
        (line(error={"code": 5}), "line 1: error", "say what failed"),
        (line(message={"text": "x"}), "line 1: message", "must be text"),
        (line(attributes=[1]), "line 1: attributes", "must be an object"),
        (line(attributes={"a": "x" * 70_000}), "line 1: attributes", "at most 65,536 characters"),
        (line(notes=[{"time": "x"}]), "line 1: notes", "must be a list of"),
    ],
)
def test_a_line_that_is_none_says_where_and_what(raw: bytes, field: str, remedy: str) -> None:
    """The line's number, the field, and what would be right."""
    found = fault_of(raw)
    assert found[0] == field
    assert remedy in found[1]


@pytest.mark.parametrize(
    ("fields", "error_type", "message"),
    [
        ({"error": "boom"}, "error", "boom"),
        ({"error": {"type": "E", "message": "boom"}}, "E", "boom"),
        ({"error_message": "boom", "message": "calling"}, "error", "boom"),
        ({"exception": "boom"}, "error", "boom"),
        ({"error_type": "E"}, "E", ""),
        ({"exception_type": "E", "message": "boom"}, "E", "boom"),
    ],
)
@pytest.mark.parametrize("kind", ["step", "tool"])
def test_an_error_on_a_step_fails_it(kind: str, fields: dict[str, Any], error_type: str, message: str) -> None:
    """Text or object: the step stays, an error of its stage follows where it ended, and the run has failed."""
    entry = line(kind=kind, time=10, duration_ms=500, span_id="a", event_id="e", **fields)
    (run,), faults = read([entry], stream_id="s")
    assert faults == []
    assert run.failed_count == 1
    step, error = run.trace
    assert (step.kind.value.lower(), step.error_type) == (kind, "")
    assert (error.kind, error.stage, error.span_id, error.event_id) == (TraceKind.ERROR, "parse", "a", "e")
    assert (error.time, error.error_type, error.message) == (10.5, error_type, message)


@pytest.mark.parametrize("fields", [{"error": None}, {"error": ""}, {"error": False}, {"error": {}}, {"message": "hi"}])
def test_a_step_without_an_error_has_not_failed(fields: dict[str, Any]) -> None:
    """An empty error is none, and what a step says of itself is its message."""
    (run,), faults = read([line(**fields)], stream_id="s")
    assert faults == []
    assert run.failed_count == 0
    assert [entry.message for entry in run.trace] == [fields.get("message", "")]


def test_good_lines_beside_bad_ones_are_read() -> None:
    """The caller decides whether they count; numbers are those of the lines."""
    runs, faults = read([line(), b"{", line(kind="?"), line(name="book")], stream_id="s")
    assert [entry.stage for entry in runs[0].trace] == ["parse", "book"]
    assert [fault.field for fault in faults] == ["line 2: the line", "line 3: kind"]


def test_a_line_needs_a_stream() -> None:
    """Its own, or that of the caller; runs of two streams are two runs."""
    assert read([line()])[1][0].field == "line 1: stream"
    runs, _ = read([line(stream="a"), line()], stream_id="b")
    assert [run.stream_id for run in runs] == ["a", "b"]


def test_entries_are_in_order_of_time_where_all_have_one() -> None:
    """Otherwise the file's order is the only one there is."""
    (run,), _ = read([line(name="b", time=20), line(name="a", time=10)], stream_id="s")
    assert [entry.stage for entry in run.trace] == ["a", "b"]
    (run,), _ = read([line(name="b", time=20), line(name="a")], stream_id="s")
    assert [entry.stage for entry in run.trace] == ["b", "a"]


def test_the_content_names_the_request() -> None:
    """The same lines, also with their keys in another order, are the same run; a changed one is another."""

    def request(*lines: bytes) -> str:
        return read(lines, stream_id="s")[0][0].request_id

    turned = b'{"name":"parse","run":"r1","kind":"step"}'
    assert request(line()) == request(turned) != request(line(input=1))
    assert len(request(line())) <= 64


JSON = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10).filter(lambda it: it[:1] not in ("{", "[")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
).map(lambda it: msgspec.json.encode(it).decode())
NAMES = st.text(min_size=1, max_size=20)
ENTRIES = st.builds(
    TraceEvent,
    kind=st.sampled_from([TraceKind.STEP, TraceKind.ERROR]),
    stage=NAMES,
    event_id=st.text(max_size=5),
    time=st.integers(0, 4_000_000_000).map(float),
    duration_ms=st.integers(0, 10_000).map(float),
    error_type=st.just("KeyError"),
    message=st.text(max_size=20),
    input_json=st.just("") | JSON,
    output_json=st.just("") | JSON,
    span_id=st.text("0123456789abcdef", max_size=16),
    attributes_json=st.just("") | st.dictionaries(NAMES, st.integers(), min_size=1).map(json.dumps),
    stacktrace=st.text(max_size=30),
    notes=st.lists(st.builds(TraceNote, name=NAMES, message=st.text(max_size=5)), max_size=2).map(tuple),
)


@settings(max_examples=100)
@given(entries=st.lists(ENTRIES, min_size=1, max_size=5))
def test_what_was_written_is_read_as_it_was(entries: list[TraceEvent]) -> None:
    """Export and import give the same trace, but for white space in JSON."""
    kept = [
        entry if entry.kind is TraceKind.ERROR else msgspec.structs.replace(entry, error_type="", stacktrace="")
        for entry in entries
    ]
    if all(entry.time for entry in kept):
        kept.sort(key=lambda entry: entry.time)
    run = Run(run_id="run_1", stream_id="s", trace=tuple(kept))
    (found,), faults = read(write(run))
    assert faults == []
    assert [_plain(entry) for entry in found.trace] == [_plain(entry) for entry in kept]


def _plain(entry: TraceEvent) -> dict[str, Any]:
    """An entry with its JSON texts as values."""
    fields: dict[str, Any] = msgspec.to_builtins(entry)
    for name in ("input_json", "output_json", "attributes_json"):
        fields[name] = json.loads(fields.get(name) or '""')
    return fields


KEYS = sorted({spelling for each in SPELLINGS.values() for spelling in each})
ODD = st.none() | st.integers() | st.text(max_size=8) | st.dictionaries(st.text(max_size=4), st.integers(), max_size=2)
LINES = st.dictionaries(st.sampled_from(KEYS), ODD, max_size=6).map(lambda it: json.dumps(it).encode())


@settings(max_examples=200)
@given(raw=st.binary(max_size=60) | LINES)
def test_any_line_is_read_or_refused(raw: bytes) -> None:
    """Never an exception, and never both."""
    runs, faults = read([raw], stream_id="s")
    assert len(runs) + len(faults) == 1


def test_text_that_nests_without_end_is_text() -> None:
    """A string that looks like JSON and is too deep to be read stays the string that it is, both ways."""
    deep = "[" * 100_000
    entry = only(input=deep)
    assert json.loads(entry.input_json) == deep
    bare = Run(run_id="run_1", stream_id="s", trace=(msgspec.structs.replace(entry, input_json=deep),))
    assert len(list(write(bare))) == 1
