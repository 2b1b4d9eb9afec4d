"""The loop as a strip of seven stages, with the time that each took on the incident in view. Always on screen."""

from __future__ import annotations

from collections.abc import Mapping

from cta_tui import facts, signs
from cta_tui.ink import Drawing, Span, fit, pad
from cta_tui.model import WAITING, Model
from cta_tui.words import count, span

NARROW = 78
"""Below this the stages are shown by their letters."""


def draw(model: Model, width: int, _height: int) -> Drawing:
    """Two lines: the stages, and what each says."""
    incident = model.incident
    told = _notes(model, incident)
    names = [stage if width >= NARROW else stage[0] for stage in signs.STRIP]
    own = [len(name) + 2 for name in names]
    # What room is left goes between the stages in equal parts, so that the strip is as wide as the screen.
    gap = max((width - 2 - sum(own)) // (len(own) - 1), 2)
    first: list[Span] = [Span(" ")]
    second: list[Span] = [Span(" ")]
    for place, (stage, name) in enumerate(zip(signs.STRIP, names, strict=True)):
        sign, style = _sign(incident, place)
        last = place == len(own) - 1
        first += [Span(f"{sign} {name}", style)]
        if not last:
            first += [Span(_arrow(gap), "quiet")]
        note = Span(told.get(stage, ""), "quiet")
        second += [note if last else pad(note, own[place] + gap)]
    return Drawing(lines=(fit(tuple(first), width), fit(tuple(second), width)))


def _arrow(cells: int) -> str:
    return "▶".center(cells) if cells < 7 else f" {'─' * (cells - 3)}▶ "


def place_of(incident: facts.IncidentFact) -> int:
    """How far along the strip the incident is."""
    at = signs.REACHED.get(incident.state, 1)
    entered = {mark.state for mark in incident.marks}
    if incident.state == "AWAITING APPROVAL":
        # With a canary behind it, what waits is the promotion; without one, the canary.
        return 5 if incident.canary_id else 4
    if incident.state == "ROLLED BACK":
        return 5 if "PROMOTED" in entered else 4
    if incident.state == "ESCALATED" and incident.adapter_id:
        return 3
    return at


def _sign(incident: facts.IncidentFact | None, place: int) -> tuple[str, str]:
    if place == 0:
        return "✓", "good"
    if incident is None:
        return "·", "quiet"
    at = place_of(incident)
    if incident.state == "RESOLVED" and not any(mark.state == "PROMOTED" for mark in incident.marks):
        # Closed by a person before anything was promoted.
        return ("✓", "good") if place <= _last_entered(incident) else ("·", "quiet")
    if place < at or (place == at and incident.state in {"PROMOTED", "RESOLVED"}):
        return "✓", "good"
    if place > at:
        return "·", "quiet"
    if incident.state == "AWAITING APPROVAL":
        return "!", "attention strong"
    return ("×", "bad strong") if incident.state in WAITING else ("◆", "attention strong")


def _last_entered(incident: facts.IncidentFact) -> int:
    return max((signs.REACHED.get(mark.state, 0) for mark in incident.marks if mark.state != "RESOLVED"), default=1)


def _notes(model: Model, incident: facts.IncidentFact | None) -> Mapping[str, str]:
    notes = {"STREAM": "live" if model.live else ("old" if model.heard else "")}
    if incident is None:
        return notes
    at = {mark.state: mark.time for mark in reversed(incident.marks)}
    begun = at.get("DETECTED", incident.opened)
    notes["DETECT"] = incident.stream_id
    analysing, patched = at.get("ANALYZING"), at.get("PATCHED")
    if analysing is not None:
        notes["DETECT"] = span(analysing - begun)
    if analysing is not None and patched is not None and patched >= analysing:
        notes["ANALYSE"] = span(patched - analysing)
    if incident.adapter_id:
        adapter = model.adapters.get(incident.adapter_id)
        steps = len(adapter.words) if adapter else 0
        notes["PATCH"] = f"{steps} step{'' if steps == 1 else 's'}" if steps else ""
    canary = model.canaries.get(incident.adapter_id)
    if canary is not None and incident.adapter_id:
        verdict = canary.verdict.lower()
        notes["CANARY"] = verdict or f"{count(canary.drifted)}/{count(canary.needed)}"
    if incident.state == "AWAITING APPROVAL":
        notes["PROMOTE" if incident.canary_id else "CANARY"] = "your OK"
    promoted = at.get("PROMOTED")
    if promoted is not None:
        notes["PROMOTE"] = span(promoted - begun)
    if incident.state == "RESOLVED" and promoted is not None:
        notes["LEARN"] = "known"
    elif incident.state == "PROMOTED":
        notes["LEARN"] = "baking"
    return notes
