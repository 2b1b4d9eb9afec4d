"""The incident's life: each state with its time since the opening, who, and why. The audit trail."""

from __future__ import annotations

from cta_tui import signs
from cta_tui.ink import Drawing, Line, Span, fit, pad
from cta_tui.model import Model
from cta_tui.words import span


def draw(model: Model, width: int, _height: int) -> Drawing:
    """A line a mark."""
    incident = model.incident
    if incident is None:
        return Drawing(lines=((Span(" No incident.", "quiet"),),))
    lines: list[Line] = []
    for mark in incident.marks:
        sign = signs.sign_of(mark.state)
        who = f"{mark.actor}: " if mark.actor not in {"", "loop"} else ""
        lines.append(
            (
                pad(Span(f"+{span(round(max(mark.time - incident.opened, 0.0), 3))}", "quiet"), 10, right=True),
                Span("  "),
                pad(Span(f"{sign.sign} {sign.word}", sign.style), 14),
                Span(f"{who}{mark.why}"),
            )
        )
    return Drawing(lines=tuple(fit(each, width) for each in lines))
