"""The events as they pass, or the head of the quarantine: time, outcome, text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cta_tui import facts, signs
from cta_tui.ink import Column, Drawing, Span, table
from cta_tui.model import Model
from cta_tui.words import clock, count

COLUMNS = (
    Column("TIME", 12),
    Column("STREAM", 10, rank=3),
    Column("STATE", 11),
    Column("EVENT", 28, grow=True),
    Column("ID", 24, rank=4),
)


def draw(model: Model, width: int, height: int) -> Drawing:
    """Oldest first; while it follows, only what fits."""
    rows = model.rows
    follow = model.follow and not model.held_shown
    shown = rows[-max(height - 1, 1) :] if follow and height else rows
    chosen = model.event
    empty: tuple[str, ...] = ("Nothing is held.",) if model.held_shown else ("No event has passed yet.",)
    if model.filter:
        empty = (f"No event matches /{model.filter}. Escape takes the filter away.",)
    selected = chosen.key if chosen is not None and (not follow or chosen in shown) else ""
    return table(COLUMNS, _rows(shown), width, selected=selected, empty=empty, tail=follow)


def headline(model: Model) -> str:
    """The pane's title."""
    if model.held_shown:
        return f"QUARANTINE  {count(len(model.held))} of {count(model.held_total)} held, t shows the tail"
    parts = ["following" if model.follow else "standing, f follows"]
    parts.append(f"{count(len(model.events))} shown, {count(model.left_out)} passed unseen")
    if model.filter:
        parts.append(f"/{model.filter}")
    return f"EVENTS  {', '.join(parts)}; t shows the quarantine"


def outcome(event: facts.EventFact) -> Span:
    """Sign and word of what the gate did."""
    if event.redriven:
        return Span("✓ redriven", "good")
    sign = signs.sign_of(event.kind)
    return Span(
        "· as is" if event.kind == "HEALTHY" else f"{sign.sign} {sign.word}",
        "" if event.kind == "HEALTHY" else sign.style,
    )


def _rows(events: Sequence[facts.EventFact]) -> Iterator[tuple[str, Sequence[Span | str]]]:
    for each in events:
        yield (
            each.key,
            (
                Span(clock(each.time, millis=True), "quiet"),
                each.stream_id,
                outcome(each),
                each.body or each.message,
                Span(each.event_id, "quiet"),
            ),
        )
