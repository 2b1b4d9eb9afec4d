"""The selected run's trace: each stage as a bar over the run's time, and what failed where."""

from __future__ import annotations

from cta_tui import facts, ink
from cta_tui.ink import Drawing, Line, Span, named, pad
from cta_tui.model import Model
from cta_tui.words import short, span

SIGNS = {"STEP": "·", "TOOL": "◆", "ERROR": "×"}
NAME = 16


def draw(model: Model, width: int, _height: int) -> Drawing:
    """One run."""
    run = model.run
    if run is None:
        return Drawing(lines=((Span(" No run.", "quiet"),),))
    lines: list[Line] = [(Span(f" {short(run.run_id)} on {run.stream_id}", "strong"),)]
    if run.rerun_of:
        lines += named("repeats", f"{short(run.rerun_of)} with {short(run.adapter_id)}", width)
    if not run.trace:
        return Drawing(lines=(*lines, (Span(" enter brings its trace.", "quiet"),)))
    begin = min(each.time for each in run.trace)
    whole = max(each.time + each.seconds - begin for each in run.trace) or 1e-9
    cells = max(width - NAME - 16, 8)
    for each in run.trace:
        lines.append(_bar(each, begin, whole, cells))
        if each.kind == "ERROR":
            lines += named("", f"{each.error}: {each.message}", width, style="bad", column=4, most=3)
        elif each.message:
            lines += named("", each.message, width, style="quiet", column=4, most=2)
        for label, text in (("in", each.given), ("out", each.made)):
            if text:
                lines += named(f"  {label}", text, width, style="quiet", column=7, most=2)
    return Drawing(lines=tuple(ink.fit(each, width) for each in lines))


def _bar(entry: facts.TraceFact, begin: float, whole: float, cells: int) -> Line:
    style = "bad" if entry.kind == "ERROR" else "good"
    start = min(int((entry.time - begin) / whole * cells), cells - 1)
    length = max(1, min(round(entry.seconds / whole * cells), cells - start))
    tool = entry.tool.rpartition(":")[2]
    name = f"{entry.stage} {tool}" if tool and tool.lower() != entry.stage.lower() else entry.stage
    return (
        Span(f" {SIGNS.get(entry.kind, '?')} ", style),
        pad(Span(name), NAME),
        Span(" " * start),
        Span("█" * length, style),
        Span(" " * (cells - start - length)),
        pad(Span(span(entry.seconds), "quiet"), 8, right=True),
    )
