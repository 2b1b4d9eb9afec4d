"""The runs of the consumers, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cta_tui.ink import Column, Drawing, Span, table
from cta_tui.model import Model
from cta_tui.words import clock, count, short, span

COLUMNS = (
    Column("RUN", 11),
    Column("TIME", 8),
    Column("STREAM", 9, grow=True),
    Column("EVENTS", 6, right=True),
    Column("FAILED", 8, right=True),
    Column("TOOK", 7, right=True, rank=1),
    Column("REPEATS", 11, rank=2),
)


def draw(model: Model, width: int, _height: int) -> Drawing:
    """A row a run."""
    chosen = model.run
    empty = ("No run yet.", "A stream with a consumer runs its stages on every batch; RecordRun takes others.")
    return table(COLUMNS, _rows(model), width, selected=chosen.run_id if chosen else "", empty=empty)


def _rows(model: Model) -> Iterator[tuple[str, Sequence[Span | str]]]:
    wanted = model.filter.lower()
    for each in model.runs.values():
        if wanted and wanted not in each.stream_id and not ("failed".startswith(wanted) and each.failed):
            continue
        yield (
            each.run_id,
            (
                short(each.run_id),
                Span(clock(each.time), "quiet"),
                each.stream_id,
                count(each.events),
                Span(f"× {count(each.failed)}", "bad") if each.failed else Span("✓ none", "good"),
                span(each.seconds),
                Span(short(each.rerun_of), "quiet"),
            ),
        )
