"""The sources that feed the streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cta_tui import signs
from cta_tui.ink import Column, Drawing, Span, table
from cta_tui.model import Model
from cta_tui.words import count, rate, short

COLUMNS = (
    Column("SOURCE", 11),
    Column("STREAM", 10, grow=True),
    Column("SENDS", 14, rank=1),
    Column("STATE", 10),
    Column("RATE", 8, right=True),
    Column("MEASURED", 8, right=True, rank=3),
    Column("SENT", 10, right=True, rank=2),
    Column("FAULTS", 6, right=True),
)


def draw(model: Model, width: int, _height: int) -> Drawing:
    """A row a source."""
    chosen = model.source
    names = ", ".join(model.info.populations)
    empty = ("No source runs.", f"n starts one on the selected stream; there are: {names}.")
    return table(COLUMNS, _rows(model), width, selected=chosen.source_id if chosen else "", empty=empty)


def _rows(model: Model) -> Iterator[tuple[str, Sequence[Span | str]]]:
    for each in model.sources.values():
        sign = signs.sign_of(each.state)
        faults = sum(fault.source_id == each.source_id for fault in model.faults)
        yield (
            each.source_id,
            (
                short(each.source_id),
                each.stream_id,
                each.population or each.file,
                Span(f"{sign.sign} {sign.word}", sign.style),
                rate(each.rate) if each.rate else "full",
                rate(each.measured),
                count(each.sent),
                Span(str(faults), "attention" if faults else "quiet"),
            ),
        )
