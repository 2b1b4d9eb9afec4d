"""The selected run's trace: each stage as a bar over the run's time, spans below those that caused them, and what
failed where. Of the server's own stages the whole batch is one bar, and the events that failed are told below it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cta_tui import facts, ink
from cta_tui.ink import Drawing, Line, Span, named, pad
from cta_tui.model import Model
from cta_tui.words import short, span

SIGNS = {"STEP": "·", "TOOL": "◆", "ERROR": "×"}
NAME = 16
NOTES = 5
"""Notes of an entry that are shown."""


def draw(model: Model, width: int, _height: int) -> Drawing:
    """One run."""
    run = model.run
    if run is None:
        return Drawing(lines=((Span(" No run.", "quiet"),),))
    lines: list[Line] = [(Span(f" {short(run.run_id)} on {run.stream_id}", "strong"),)]
    if run.rerun_of:
        lines += named("repeats", f"{short(run.rerun_of)} with {short(run.adapter_id)}", width)
    if run.trace_id:
        lines += named("trace", run.trace_id, width)
    if not run.trace:
        return Drawing(lines=(*lines, (Span(" enter brings its trace.", "quiet"),)))
    begin = min(each.time for each in run.trace)
    whole = max(each.time + each.seconds - begin for each in run.trace) or 1e-9
    cells = max(width - NAME - 16, 8)
    shown = _shown(run.trace)
    if len(shown) < len(run.trace):
        lines.append((Span(f" Inputs and outputs are kept of {run.recorded} events; cta runs export", "quiet"),))
    parents = {each.span_id: each.parent_id for each in run.trace if each.span_id}
    for each in shown:
        lines.append(_bar(each, begin, whole, cells, _depth(each.span_id, parents)))
        if each.kind == "ERROR":
            lines += named("", f"{each.error}: {each.message}", width, style="bad", column=4, most=3)
            if each.stack:
                lines += named("", each.stack, width, style="quiet", column=4, most=3)
        elif each.message:
            lines += named("", each.message, width, style="quiet", column=4, most=2)
        for note in each.notes[:NOTES]:
            lines += named("  note", note, width, style="quiet", column=7, most=2)
        for label, text in (("in", each.given), ("out", each.made), ("with", each.attributes)):
            if text:
                lines += named(f"  {label}", text, width, style="quiet", column=7, most=2)
    return Drawing(lines=tuple(ink.fit(each, width) for each in lines))


def _shown(trace: Sequence[facts.TraceFact]) -> list[facts.TraceFact]:
    """The entries but those of single events of a stage that has one for the whole batch."""
    whole = {each.stage for each in trace if not each.event_id and not each.span_id}
    return [
        each for each in trace if each.kind == "ERROR" or each.span_id or not each.event_id or each.stage not in whole
    ]


def _depth(span_id: str, parents: dict[str, str]) -> int:
    """How many of the spans above it are there; a circle ends it."""
    seen: set[str] = set()
    while span_id and span_id not in seen and parents.get(span_id) in parents:
        seen.add(span_id)
        span_id = parents[span_id]
    return len(seen)


def _bar(entry: facts.TraceFact, begin: float, whole: float, cells: int, depth: int) -> Line:
    style = "bad" if entry.kind == "ERROR" else "good"
    start = min(int((entry.time - begin) / whole * cells), cells - 1)
    length = max(1, min(round(entry.seconds / whole * cells), cells - start))
    tool = entry.tool.rpartition(":")[2]
    name = f"{entry.stage} {tool}" if tool and tool.lower() != entry.stage.lower() else entry.stage
    return (
        Span(f" {SIGNS.get(entry.kind, '?')} ", style),
        pad(Span(" " * min(depth, 6) + name), NAME),
        Span(" " * start),
        Span("█" * length, style),
        Span(" " * (cells - start - length)),
        pad(Span(span(entry.seconds), "quiet"), 8, right=True),
    )
