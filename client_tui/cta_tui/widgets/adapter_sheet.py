"""The selected adapter as a sheet: steps, guard, loss, a real event before and after, workers, canary, history."""

from __future__ import annotations

from cta_tui import facts, ink
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
    lines += _workers(model, adapter, width)
    tried = model.canaries.get(adapter.adapter_id)
    if tried is not None:
        lines += [(Span(" CANARY", "quiet strong"),), *canary.sheet(tried, width)]
    done = [each for each in model.decisions if each.adapter_id == adapter.adapter_id]
    if done:
        lines.append((Span(" DECISIONS", "quiet strong"),))
    for each in done:
        lines += named(clock(each.time), f"{each.actor} {each.action} {each.why}".strip(), width, most=2)
    return Drawing(lines=tuple(ink.fit(each, width) for each in lines))


def _workers(model: Model, adapter: facts.AdapterFact, width: int) -> list[Line]:
    """Which consumers apply the stream's adapters themselves, and whether they are where they should be."""
    stream_id = adapter.stream_id
    found = [e for e in model.workers if not e.stream_ids or stream_id in e.stream_ids or stream_id in e.offers]
    if not found:
        return []
    current = sum(each.applied >= each.wanted for each in found)
    lines: list[Line] = [(Span(f" WORKERS, {current} of {len(found)} on the revision in force", "quiet strong"),)]
    for each in found:
        behind = "" if each.applied >= each.wanted else f" of {each.wanted}"
        canaries = ", runs canaries" if stream_id in each.offers else ""
        told = f"{each.state.lower()}, revision {each.applied}{behind}{canaries} {each.error}".rstrip()
        lines += named(each.worker_id, told, width, style="bad" if each.error else "", column=16, most=2)
    return lines
