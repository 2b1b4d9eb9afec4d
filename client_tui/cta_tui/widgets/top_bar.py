"""The top bar: autonomy, streams, traffic, who needs a person, and how old the picture is. Always on screen."""

from __future__ import annotations

from cta_tui import ink, signs
from cta_tui.ink import Drawing, Line, Span
from cta_tui.model import Link, Model
from cta_tui.words import count, rate, span, spark


def draw(model: Model, width: int, _height: int) -> Drawing:
    """One line."""
    left: list[Span] = [Span(" CTA-ACT ", "accent strong")]
    stats = model.stats
    if model.heard:
        for part in _parts(model):
            left += [Span(" │ ", "quiet"), *part]
    right = (*link(model), Span(" "))
    if stats.archive.away:
        right = (Span("! archive away", "attention strong"), Span("  "), *right)
    if stats.halted:
        right = (Span("■ HALTED ", "bad strong reverse"), Span(" "), *right)
    # A blank always stands between the two halves.
    room = width - ink.size(right) - 1
    # Parts are left out whole, from the right, rather than cut.
    parts = tuple(left)
    while ink.size(parts) > room and any(part.text == " │ " for part in parts):
        last = max(place for place, part in enumerate(parts) if part.text == " │ ")
        parts = parts[:last]
    gap = Span(" " * max(room - ink.size(parts) + 1, 1))
    return Drawing(lines=(ink.fit((*parts, gap, *right), width),))


def _parts(model: Model) -> list[Line]:
    stats = model.stats
    modes = {each.autonomy for each in model.streams.values()}
    parts: list[Line] = []
    waiting = len(model.waiting)
    if waiting:
        word = "1 needs you" if waiting == 1 else f"{waiting} need you"
        parts.append((Span(f"! {word}", "attention strong"),))
    else:
        parts.append((Span("✓ nothing waits for you", "good"),))
    parts.append(
        (Span(f"{rate(stats.rate)} "), Span(spark(tuple(b.good + b.bad for b in model.history[-8:]), 8), "good"))
    )
    if len(modes) == 1:
        mode = next(iter(modes))
        parts.append((Span(f"{signs.METERS.get(mode, '????')} {mode}"),))
    elif modes:
        parts.append((Span("autonomy differs"),))
    number = len(model.streams) or stats.streams
    parts.append((Span(f"{number} stream" if number == 1 else f"{number} streams"),))
    parts.append((Span(f"{count(stats.held)} held"),))
    return parts


def link(model: Model) -> Line:
    """The connection in words, with the age of what is shown when it is not of this moment."""
    match model.link:
        case Link.LIVE if model.live and not model.synced:
            return (Span("◆ catching up", "attention"),)
        case Link.LIVE if model.live:
            return (Span("✓ live", "good"),)
        case Link.LIVE:
            return (Span(f"! stale {span(model.age)}", "attention strong"),)
        case Link.LOST if model.heard:
            return (Span(f"× offline {span(model.age)}", "bad strong"),)
        case Link.LOST:
            return (Span(f"× no server at {model.address}", "bad strong"),)
        case Link.REFUSED:
            return (Span("× refused", "bad strong"),)
        case _:
            return (Span(f"· connecting to {model.address}", "quiet"),)
