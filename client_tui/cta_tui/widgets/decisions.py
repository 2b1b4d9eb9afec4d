"""The log of decisions: who did what, when and why. Newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cta_tui.ink import Column, Drawing, Span, table
from cta_tui.model import Model
from cta_tui.words import clock, short

COLUMNS = (
    Column("TIME", 8),
    Column("WHO", 10),
    Column("DID", 12),
    Column("STREAM", 10, rank=3),
    Column("ABOUT", 11, rank=2),
    Column("WHY", 10, grow=True),
)


def draw(model: Model, width: int, _height: int) -> Drawing:
    """A row a decision."""
    return table(COLUMNS, _rows(model), width, empty=("Nobody decided anything yet.",))


def _rows(model: Model) -> Iterator[tuple[str, Sequence[Span | str]]]:
    for each in model.decisions:
        yield (
            "",
            (
                Span(clock(each.time), "quiet"),
                each.actor,
                Span(each.action.replace("_", " "), "strong"),
                each.stream_id,
                Span(short(each.adapter_id or each.incident_id), "quiet"),
                each.why,
            ),
        )
