"""The selected signature, and the incidents that it healed."""

from __future__ import annotations

from cta_tui import ink
from cta_tui.ink import Drawing, Line, Span, named
from cta_tui.model import Model
from cta_tui.words import clock, count, short, span


def _times(number: int) -> str:
    return "once" if number == 1 else f"{count(number)} times"


def draw(model: Model, width: int, _height: int) -> Drawing:
    """One signature."""
    signature = model.signature
    if signature is None:
        return Drawing(lines=((Span(" No signature.", "quiet"),),))
    lines: list[Line] = [(Span(f" {short(signature.signature_id)}", "strong"),)]
    lines += named("heals", signature.headline, width, most=3)
    lines += named("learned", f"on {signature.stream_id}, {clock(signature.created)}", width)
    stayed = f"its fix stayed {_times(signature.confirmed)}, was refused {_times(signature.refused)}"
    told = f"again {_times(signature.hits)}; {stayed}"
    lines += named("found", told, width, most=2)
    lines += named(
        "proof", "A known drift still passes its canary before anything is promoted.", width, style="quiet", most=2
    )
    healed = [
        each
        for each in model.incidents.values()
        if each.method == "SIGNATURE" and each.stream_id == signature.stream_id
    ]
    if healed:
        lines.append((Span(" HEALED BY MEMORY ON THIS STREAM", "quiet strong"),))
    for each in healed:
        promoted = next((mark.time - each.opened for mark in each.marks if mark.state == "PROMOTED"), None)
        how = f"promoted in {span(promoted)}" if promoted is not None else each.state.lower()
        lines += named(clock(each.opened), f"{short(each.incident_id)}  {how}", width, column=10)
    return Drawing(lines=tuple(ink.fit(each, width) for each in lines))
