"""How `cta runs show` tells a trace: one row an entry, spans below those that caused them, and what was noted.

What a stage took and gave of single events is left to `-o json`, `cta runs export` and the control room: it fills
screens. Called by the verbs of runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from cta.v1.run_pb2 import TRACE_KIND_ERROR, Run, TraceEvent, TraceKind
from cta_client.cli.table import Column, Table, section
from cta_client.cli.telling import item_lines
from cta_client.cli.words import count, plain, span, word
from cta_client.seconds import seconds

STACK_LINES = 6
"""Of a stack the last lines are shown: there it broke."""


class Row(msgspec.Struct, frozen=True):
    """An entry, and how many of the spans above it are there."""

    entry: TraceEvent
    depth: int


TRACE: Table[Row] = Table(
    columns=(
        Column("KIND", lambda each: word(TraceKind, each.entry.kind)),
        Column("STAGE", lambda each: "  " * min(each.depth, 8) + each.entry.stage),
        Column("TOOK", lambda each: span(seconds(each.entry.duration)), right=True),
        Column("EVENT", lambda each: each.entry.event_id or ("" if each.entry.span_id else "the batch")),
        Column("WHAT", lambda each: _what(each.entry), grow=True),
    ),
    empty="The trace is empty.",
)


def trace_lines(run: Run, width: int | None) -> Iterator[str]:
    """The trace of a run."""
    yield section("Trace")
    rows = list(_rows(run.trace))
    yield from TRACE.lines(rows, width)
    if len(rows) < len(run.trace):
        kept = f"What the stages took and gave is kept of {count(run.recorded_count)} events"
        yield f"  {kept}: cta runs export {run.run_id}"
    # An exception has its own entry, and its stack stands below.
    noted = [(entry, note) for entry in run.trace for note in entry.notes if note.name != "exception"]
    if noted:
        yield section("Noted")
        for entry, note in noted:
            told = ": ".join(filter(None, (entry.stage, note.message, note.attributes_json)))
            yield from item_lines(note.name, plain(told)[:500], width)
    for entry in run.trace:
        if entry.stacktrace:
            yield section(f"Stack of {entry.error_type} in {entry.stage}")
            yield from (f"  {plain(line)}" for line in entry.stacktrace.rstrip().splitlines()[-STACK_LINES:])


def _rows(trace: Sequence[TraceEvent]) -> Iterator[Row]:
    whole = {entry.stage for entry in trace if not entry.event_id and not entry.span_id}
    parents = {entry.span_id: entry.parent_span_id for entry in trace if entry.span_id}
    for entry in trace:
        # The server's own stages have an entry for the batch and one for each event that was recorded.
        if entry.event_id and not entry.span_id and entry.stage in whole and entry.kind != TRACE_KIND_ERROR:
            continue
        yield Row(entry, _depth(entry.span_id, parents))


def _depth(span_id: str, parents: dict[str, str]) -> int:
    seen: set[str] = set()
    while span_id and span_id not in seen and parents.get(span_id) in parents:
        seen.add(span_id)
        span_id = parents[span_id]
    return len(seen)


def _what(entry: TraceEvent) -> str:
    return plain(": ".join(filter(None, (entry.tool, entry.error_type, entry.message))))
