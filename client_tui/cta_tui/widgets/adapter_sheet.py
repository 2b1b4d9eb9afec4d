"""The selected adapter as a sheet: steps, guard, loss, a real event before and after, its canary, its history."""

from __future__ import annotations

from cta_tui import ink
from cta_tui.ink import Drawing, Line, Span, named
from cta_tui.model import Model
from cta_tui.widgets import canary, fix
from cta_tui.words import clock, short


def draw(model: Model, width: int, _height: int) -> Drawing:
    """One adapter."""
    adapter = model.adapter
    if adapter is None:
        return Drawing(lines=((Span(" No adapter.", "quiet"),),))
    lines: list[Line] = fix.sheet(model, adapter, width)
    by = f"{adapter.author or 'unknown'}, {clock(adapter.created)}, revision {adapter.revision}"
    if adapter.incident_id:
        by += f", for {short(adapter.incident_id)}"
    lines += named("made by", by, width, style="quiet")
    if adapter.comment:
        lines += named("comment", adapter.comment, width, style="quiet", most=2)
    tried = model.canaries.get(adapter.adapter_id)
    if tried is not None:
        lines += [(Span(" CANARY", "quiet strong"),), *canary.sheet(tried, width)]
    done = [each for each in model.decisions if each.adapter_id == adapter.adapter_id]
    if done:
        lines.append((Span(" DECISIONS", "quiet strong"),))
    for each in done:
        lines += named(clock(each.time), f"{each.actor} {each.action} {each.why}".strip(), width, most=2)
    return Drawing(lines=tuple(ink.fit(each, width) for each in lines))
