"""One line of balance: what the loop did by itself, and what the books say."""

from __future__ import annotations

from statistics import median

from cta_tui import facts
from cta_tui.ink import Drawing, Span, fit
from cta_tui.model import Model
from cta_tui.words import count, span


def draw(model: Model, width: int, _height: int) -> Drawing:
    """One line."""
    healed = [each for each in model.incidents.values() if _promoted(each) is not None]
    known = [each for each in healed if each.method == "SIGNATURE"]
    new = [each for each in healed if each.method != "SIGNATURE"]
    backs = sum(any(mark.state == "ROLLED BACK" for mark in each.marks) for each in model.incidents.values())
    stats = model.stats
    parts = [f" {len(healed)} healed", f"{backs} rolled back"]
    if new:
        parts.append(f"median {span(median(_promoted(each) or 0.0 for each in new))}")
    if known:
        parts.append(f"known drift {span(median(_promoted(each) or 0.0 for each in known))}")
    parts.append(f"{count(stats.redriven)} redriven, {count(stats.held)} held")
    return Drawing(lines=(fit((Span(" · ".join(parts), "quiet"),), width),))


def _promoted(incident: facts.IncidentFact) -> float | None:
    """Seconds from opening to promotion; None when it was never promoted."""
    return next((mark.time - incident.opened for mark in incident.marks if mark.state == "PROMOTED"), None)
