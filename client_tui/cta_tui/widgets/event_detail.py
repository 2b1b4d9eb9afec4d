"""The selected event: what came, what left, and why it is held, field by field."""

from __future__ import annotations

from cta_tui import ink
from cta_tui.diff import leaves
from cta_tui.ink import Drawing, Line, Span, named
from cta_tui.model import Model
from cta_tui.widgets import changes
from cta_tui.widgets.tail import outcome
from cta_tui.words import clock, short


def draw(model: Model, width: int, _height: int) -> Drawing:
    """One event."""
    event = model.event
    if event is None:
        return Drawing(lines=((Span(" No event.", "quiet"),),))
    sign = outcome(event)
    lines: list[Line] = [
        (
            Span(f" {event.event_id or event.key}  ", "strong"),
            sign,
            Span(f"  {event.stream_id}  {clock(event.time, millis=True)}", "quiet"),
        )
    ]
    if event.adapter_id:
        adapter = model.adapters.get(event.adapter_id)
        words = "; ".join(adapter.words) if adapter else ""
        lines += named("adapter", f"{short(event.adapter_id)}  {words}", width, most=2)
    if event.message:
        reason = event.reason.lower()
        lines += named(
            "held for", f"{reason}: {event.message}" if reason else event.message, width, style="bad", most=3
        )
    if event.masked:
        lines += named("masked", "a copy; cta events quarantined --raw --actor NAME shows the event itself", width)
    if event.original and event.original != event.body:
        lines += changes.lines(event.original, event.body, width, titles=("AS IT CAME", "AS IT LEFT"), same=20)
    else:
        for leaf in leaves(event.body, event.body):
            lines += named(
                "", f"{leaf.path}: {leaf.before}" if leaf.path else str(leaf.before), width, column=2, most=2
            )
    return Drawing(lines=tuple(ink.fit(each, width) for each in lines))
