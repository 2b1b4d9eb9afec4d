"""The last minutes as a chart: events that passed, with marks where a drift began and where a fix was promoted."""

from __future__ import annotations

from cta_tui.ink import Drawing, Line, Span, fit
from cta_tui.model import Bucket, Model
from cta_tui.words import BLOCKS, count

LABEL = 7
LEAST_ROWS = 3


def draw(model: Model, width: int, height: int) -> Drawing:
    """A column a second, newest right; the marks below."""
    rows = max(height - 2, LEAST_ROWS)
    cells = max(width - LABEL - 1, 10)
    history = model.history[-cells:]
    if not history:
        return Drawing(lines=((Span("  No traffic seen yet.", "quiet"),),))
    # The running second is not over: it would always look like a drop.
    whole = history[:-1] or history
    most = max((each.good + each.bad for each in whole), default=0.0) or 1.0
    start = " " * (cells - len(whole))
    lines: list[Line] = [fit(_legend(whole), width)]
    for row in range(rows, 0, -1):
        label = (
            count(most).rjust(LABEL - 1) if row == rows else ("0".rjust(LABEL - 1) if row == 1 else " " * (LABEL - 1))
        )
        lines.append((Span(f"{label} ", "quiet"), Span(start), *_row(whole, row, rows, most)))
    lines.append((Span(" " * LABEL), Span(start), *_marks(model, whole)))
    return Drawing(lines=tuple(lines))


def _legend(history: tuple[Bucket, ...]) -> Line:
    last = history[-1]
    return (
        Span(f" passed {count(last.good)}/s", "good"),
        Span(f"   held ░ {count(last.bad)}/s", "bad" if last.bad else "quiet"),
        Span("   ▼ drift  ▲ promoted  ◀ rolled back", "quiet"),
    )


def _row(history: tuple[Bucket, ...], row: int, rows: int, most: float) -> list[Span]:
    """One line of the chart: eighths of blocks for what passed, `░` above it for what was held."""
    spans: list[Span] = []
    for each in history:
        good, both = (each.good / most) * rows, ((each.good + each.bad) / most) * rows
        filled = min(max(good - (row - 1), 0.0), 1.0)
        if filled > 0.06:
            text, style = BLOCKS[max(1, round(filled * 8))], "good"
        elif both - (row - 1) > 0.3:
            text, style = "░", "bad"
        else:
            text, style = " ", ""
        if spans and spans[-1].style == style:
            spans[-1] = Span(spans[-1].text + text, style)
        else:
            spans.append(Span(text, style))
    return spans


def _marks(model: Model, history: tuple[Bucket, ...]) -> list[Span]:
    signs = {mark.second: mark.sign for mark in model.marks}
    spans: list[Span] = []
    before = history[0].second - 1
    for each in history:
        # A second may have no bucket of its own; its mark stands at the next one.
        found = next((signs[second] for second in range(each.second, before, -1) if second in signs), " ")
        before = each.second
        spans.append(Span(found, "attention" if found in "▼◀" else "good"))
    return spans
