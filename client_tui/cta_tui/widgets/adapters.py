"""The adapters, newest first: state, steps in words, and how many events each has healed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cta_tui import signs
from cta_tui.ink import Column, Drawing, Span, table
from cta_tui.model import Model
from cta_tui.words import ago, count, short

COLUMNS = (
    Column("ADAPTER", 11),
    Column("STREAM", 10),
    Column("STATE", 13),
    Column("WHAT IT DOES", 16, grow=True),
    Column("HEALED", 8, right=True, rank=2),
    Column("REV", 5, right=True, rank=4),
    Column("BY", 8, rank=3),
    Column("MADE", 10, right=True, rank=2),
)


def draw(model: Model, width: int, _height: int) -> Drawing:
    """A row an adapter."""
    chosen = model.adapter
    empty = ("No adapter was ever needed.", "The loop makes one when a drift can be healed.")
    return table(COLUMNS, _rows(model), width, selected=chosen.adapter_id if chosen else "", empty=empty)


def _rows(model: Model) -> Iterator[tuple[str, Sequence[Span | str]]]:
    for each in model.adapters.values():
        sign = signs.sign_of(each.state)
        yield (
            each.adapter_id,
            (
                short(each.adapter_id),
                each.stream_id,
                Span(f"{sign.sign} {sign.word}", sign.style),
                "; ".join(each.words),
                count(each.healed),
                Span(str(each.revision), "quiet"),
                each.author,
                Span(ago(each.created, model.now), "quiet"),
            ),
        )
