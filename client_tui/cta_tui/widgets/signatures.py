"""What the loop has learned: each signature, how often it came back, and how its fix fared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cta_tui.facts import SignatureFact
from cta_tui.ink import Column, Drawing, Span, table
from cta_tui.model import Model
from cta_tui.words import ago, count

COLUMNS = (
    Column("LEARNED ON", 12),
    Column("WHAT IT HEALS", 20, grow=True),
    Column("FOUND", 6, right=True),
    Column("STAYED", 6, right=True),
    Column("REFUSED", 7, right=True, rank=2),
    Column("STATE", 9, rank=3),
    Column("LAST", 10, right=True, rank=1),
)


def draw(model: Model, width: int, _height: int) -> Drawing:
    """A row a signature."""
    chosen = model.signature
    empty = ("Nothing learned yet.", "A signature is kept when a fix is promoted.")
    return table(COLUMNS, _rows(model), width, selected=chosen.signature_id if chosen else "", empty=empty)


def _rows(model: Model) -> Iterator[tuple[str, Sequence[Span | str]]]:
    for each in model.signatures:
        yield (
            each.signature_id,
            (
                each.stream_id,
                each.headline,
                count(each.hits),
                Span(count(each.confirmed), "good" if each.confirmed else "quiet"),
                Span(count(each.refused), "bad" if each.refused else "quiet"),
                _state(each),
                Span(ago(each.updated, model.now), "quiet"),
            ),
        )


def _state(each: SignatureFact) -> Span:
    """How it is used."""
    if each.retired:
        return Span("× retired", "quiet")
    return Span("= merged", "quiet") if each.merged else Span("✓ in use", "good")
