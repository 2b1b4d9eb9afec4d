"""Spans as entries of a trace, and traces as runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cta_core.diagnosis.stages import akin, outputs, primary
from cta_core.run import Run, TraceEvent, TraceKind, TraceNote
from cta_core.spans import Piece, Span, assemble, attributes_text, piece_of, wanted_stream


def piece(number: int, *, parent: int = 0, start: float = 0.0, end: float = 1.0, **more: Any) -> Piece:
    """The piece of a span with small numbers for ids."""
    span = Span(
        trace_id="t",
        span_id=f"{number}",
        parent_span_id=f"{parent}" if parent else "",
        **{"name": f"s{number}", "start": start, "end": end, **more},
    )
    return piece_of(span)[0]


def run_of(*pieces: Piece) -> Run:
    """Their run."""
    return assemble(pieces, run_id="run_1", stream_id="s", trace_id="t")


def entry_of(**attributes: Any) -> TraceEvent:
    """The entry of a span with attributes; `__` stands for a dot."""
    made = piece(1, attributes={name.replace("__", "."): value for name, value in attributes.items()}).entry
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("attributes", "kind", "stage", "tool"),
    [
        ({}, "STEP", "s1", ""),
        ({"cta.stage": "Book"}, "STEP", "Book", ""),
        ({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "Clerk"}, "STEP", "Clerk", ""),
        ({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "rates"}, "TOOL", "rates", "rates"),
        ({"gen_ai.operation.name": "chat", "gen_ai.agent.name": "Clerk"}, "STEP", "s1", ""),
        ({"messaging.operation.name": "process"}, "STEP", "s1", ""),
    ],
)
def test_conventions_name_the_stage(attributes: dict[str, Any], kind: str, stage: str, tool: str) -> None:
    """Our own attribute first, then the name of agent, workflow or tool by its operation, else the span's."""
    entry = piece(1, attributes=attributes).entry
    assert entry is not None
    assert (entry.kind.value, entry.stage, entry.tool) == (kind, stage, tool)


def test_a_client_span_is_a_tool() -> None:
    """What asks something else is a tool, also without the conventions for generative AI."""
    entry = piece(1, client=True).entry
    assert entry is not None
    assert (entry.kind, entry.tool) == (TraceKind.TOOL, "s1")


@pytest.mark.parametrize(
    ("attributes", "given_json", "made_json"),
    [
        ({"cta.input": '{"a": 1}', "cta.output": '{"b":2}'}, '{"a": 1}', '{"b":2}'),
        ({"gen_ai.tool.call.arguments": '{"a":1}', "gen_ai.tool.call.result": {"b": [2]}}, '{"a":1}', '{"b":[2]}'),
        ({"gen_ai.input.messages": [{"role": "me"}], "gen_ai.output.messages": "plain"}, '[{"role":"me"}]', '"plain"'),
        ({"cta.input": "1", "gen_ai.tool.call.arguments": '{"a":1}'}, "1", ""),
        ({"cta.input": "NaN", "cta.output": "[" * 9000}, '"NaN"', json.dumps("[" * 9000)),
        ({}, "", ""),
    ],
)
def test_input_and_output_are_json(attributes: dict[str, Any], given_json: str, made_json: str) -> None:
    """JSON text stays as it is, any other value is written as JSON; our own attributes win."""
    entry = piece(1, attributes=attributes).entry
    assert entry is not None
    assert (entry.input_json, entry.output_json) == (given_json, made_json)


def test_a_body_is_kept_whole_or_not_at_all() -> None:
    """A part of JSON is none: what is too long is left out, and said so."""
    span = Span(trace_id="t", span_id="1", attributes={"cta.input": "x" * 70_000, "cta.output": "1"})
    made, lost = piece_of(span)
    assert made.entry is not None
    assert (made.entry.input_json, made.entry.output_json) == ("", "1")
    assert lost == ("input of 70,002 characters (cta.input)",)
    assert json.loads(made.entry.attributes_json) == {"cta.left_out": lost[0]}


def test_an_error_is_the_last_exception() -> None:
    """Type, message and stack are the exception's; without one they are `error.type` and the status."""
    notes = tuple(
        TraceNote(name="exception", attributes_json=attributes_text({"exception.type": kind, "exception.message": "m"}))
        for kind in ("First", "Last")
    )
    error = piece(1, failed=True, message="status", notes=notes, attributes={"error.type": "Other"}).error
    assert error is not None
    assert (error.error_type, error.message) == ("Last", "m")
    error = piece(1, failed=True, message="status", attributes={"error.type": "Other"}).error
    assert error is not None
    assert (error.error_type, error.message) == ("Other", "status")
    assert piece(1, notes=notes).error is None  # it was handled


def test_a_log_record_can_bring_the_exception() -> None:
    """Where exceptions are log records, as newer conventions have it, the error is the same."""
    told = {"exception.type": "KeyError", "exception.message": "'amount'", "exception.stacktrace": "File x"}
    log = Piece(span_id="1", part="a", note=TraceNote(name="exception", attributes_json=attributes_text(told)))
    run = run_of(log, piece(1, failed=True, message="Unset"))
    step, error = run.trace
    assert (error.error_type, error.message, error.stacktrace) == ("KeyError", "'amount'", "File x")
    assert len(step.notes) == 1


@given(order=st.permutations(range(5)))
def test_the_order_of_arrival_does_not_matter(order: list[int]) -> None:
    """The same pieces make the same run."""
    pieces = [
        piece(1, start=0.5, end=9.0, attributes={"cta.event.id": "e"}),
        piece(2, parent=1, start=1.0, end=2.0, attributes={"cta.output": "{}"}),
        piece(3, parent=1, start=2.0, end=3.0, failed=True),
        piece(4, parent=3, start=2.0, end=3.0, failed=True),
        Piece(span_id="2", part="x", note=TraceNote(time=1.5, name="log")),
    ]
    run = run_of(*(pieces[index] for index in order))
    assert run == run_of(*pieces)
    assert [(each.kind.value, each.stage) for each in run.trace] == [
        ("STEP", "s1"), ("STEP", "s2"), ("STEP", "s3"), ("STEP", "s4"), ("ERROR", "s4"), ("ERROR", "s3"),
    ]  # fmt: skip
    assert {each.event_id for each in run.trace} == {"e"}
    assert (run.event_count, run.failed_count, run.duration_ms) == (1, 1, 8500.0)


def test_several_events_of_one_trace_are_counted() -> None:
    """Each event's id is that of the nearest span above; those with an error have failed."""
    run = run_of(
        piece(1),
        *(piece(10 + n, parent=1, attributes={"messaging.message.id": f"m{n}"}) for n in range(3)),
        piece(20, parent=11, failed=True),
    )
    assert (run.event_count, run.failed_count) == (3, 1)
    assert [each.event_id for each in run.trace if each.kind is TraceKind.ERROR] == ["m1"]


def test_a_log_record_without_a_time_does_not_make_the_run_old() -> None:
    """The run begins with the first of its entries that has a time."""
    run = run_of(piece(1, start=100.0, end=101.0), Piece(span_id="9", part="x", note=TraceNote(name="log")))
    assert (run.create_time, run.duration_ms) == (100.0, 1000.0)


def test_parents_in_a_circle_end() -> None:
    """Ids that lead back to themselves are taken for what they are: nonsense that must not hang."""
    run = run_of(piece(1, parent=2), piece(2, parent=1), piece(3, parent=3))
    assert len(run.trace) == 3


def test_the_outer_span_is_not_blamed_for_what_an_inner_one_did() -> None:
    """A span that encloses the others puts out last: a change of its output is a consequence."""

    def trace(number: int, *, drifts: bool) -> tuple[TraceEvent, ...]:
        inner = {"sum": number + 0.5} if not drifts else {"total": number + 0.5}
        return run_of(
            piece(1, end=9.0, attributes={"cta.output": json.dumps({"seen": inner})}),
            piece(2, parent=1, start=1.0, end=2.0, attributes={"cta.output": json.dumps(inner)}),
            piece(3, parent=1, start=3.0, end=4.0, failed=drifts),
        ).trace

    first, *others = [trace(n, drifts=True) for n in range(12)]
    failed = [*first, *(entry for each in akin(first, others) for entry in each)]
    report = primary(outputs([trace(n, drifts=False) for n in range(30)], failed), failed)
    assert (report.cause.stage, report.cause.path) == ("s2", "/sum")


def test_the_rule_for_streams() -> None:
    """The span's own attribute, then its resource's, both outright; a service's name is a proposal."""
    assert wanted_stream({"cta.stream": "a"}, {"cta.stream": "b", "service.name": "c"}) == ("a", True)
    assert wanted_stream({}, {"cta.stream": "b", "service.name": "c"}) == ("b", True)
    assert wanted_stream({}, {"service.name": "c"}) == ("c", False)
    assert wanted_stream({}, {}) == ("", False)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["cta.input", "cta.output", "cta.stage", "cta.event.id", "gen_ai.operation.name", "gen_ai.tool.name", "error.type"]
) | st.text(max_size=12)


@settings(max_examples=200)
@given(attributes=st.dictionaries(NAMES, VALUES, max_size=6), failed=st.booleans())
def test_any_attributes_make_a_piece(attributes: dict[str, Any], *, failed: bool) -> None:
    """Whatever is sent, the entry holds JSON texts and names of bounded length."""
    made = piece(1, attributes=attributes, failed=failed)
    assert made.entry is not None
    assert (made.error is not None) == failed
    for text in (made.entry.input_json, made.entry.output_json, made.entry.attributes_json):
        if text:
            json.loads(text)
    assert 0 < len(made.entry.stage) <= 200


@given(attributes=st.dictionaries(st.text(max_size=300), st.text(max_size=200), max_size=600))
@settings(max_examples=20)
def test_attributes_are_bounded(attributes: dict[str, str]) -> None:
    """What does not fit is left out from the end, never cut within."""
    text = attributes_text(attributes | {"long": "y" * 9000})
    assert len(text) <= 60_002
    assert len(json.loads(text)["long"]) <= 4099 if "long" in json.loads(text) else True
