"""The faults on the selected source, and every kind that can be injected with its letter."""

from __future__ import annotations

from cta_tui import ink
from cta_tui.ink import Drawing, Line, Span, named
from cta_tui.letters import letters
from cta_tui.model import Model
from cta_tui.words import short


def draw(model: Model, width: int, _height: int) -> Drawing:
    """In force, then possible."""
    source = model.source
    if source is None:
        return Drawing(lines=((Span(" No source: nothing to inject into.", "quiet"),),))
    lines: list[Line] = []
    if source.error:
        lines += named("failed", source.error, width, style="bad", most=3)
    standing = [each for each in model.faults if each.source_id == source.source_id]
    if not standing:
        lines.append((Span(f" {short(source.source_id)} sends what it should.", "good"),))
    for number, each in enumerate(standing, 1):
        share = f", {each.share:.0%} of events" if 0 < each.share < 1 else ""
        lines += named(f"! {number}.", f"{each.kind}: {each.words}{share}", width, style="attention", column=6, most=3)
    lines.append((Span(" CAN BE INJECTED: i, then the letter", "quiet strong"),))
    for letter, kind in letters(model.kinds):
        lines += named(f"  {letter}", f"{kind.kind}: {kind.description}", width, column=5, most=2)
    return Drawing(lines=tuple(ink.fit(each, width) for each in lines))
