"""The incident in two or three lines: what broke, where it stands, and what is asked of the person."""

from __future__ import annotations

from cta_tui import ink, signs
from cta_tui.ink import Drawing, Line, Span, named
from cta_tui.model import WAITING, Model
from cta_tui.words import ago, clock, count, short


def draw(model: Model, width: int, _height: int) -> Drawing:
    """What, where, and the question."""
    incident = model.incident
    if incident is None:
        told = "Nothing to heal." if model.synced else "Waiting for the server."
        return Drawing(lines=((Span(f" {told}", "strong"),), *_next_key(model)))
    sign = signs.sign_of(incident.state)
    more = f"  {place} of {len(model.incidents)}, [ ] for others" if (place := _place(model)) else ""
    lines: list[Line] = [
        (
            Span(f" {incident.stream_id} ", "strong"),
            Span(f" {sign.sign} {sign.word} ", f"{sign.style} strong reverse"),
            Span(f"  {short(incident.incident_id)}  opened {clock(incident.opened)}, ", "quiet"),
            Span(ago(incident.opened, model.now), "quiet"),
            Span(more, "quiet"),
        )
    ]
    lines += named("what", incident.headline or "Events fail.", width, most=2)
    held = f"{count(incident.held)} events held so far, {count(incident.redriven)} redriven, 0 lost"
    if incident.attempt > 1:
        held += f"; attempt {incident.attempt}"
    lines += named("events", held, width, most=1)
    if incident.state in WAITING and incident.question:
        lines += named("asks", incident.question, width, style="attention strong", most=3)
        lines += named("next", next_act(model), width, style="attention", most=2)
    return Drawing(lines=tuple(ink.fit(each, width) for each in lines))


def next_act(model: Model) -> str:
    """What the person can press now."""
    incident = model.incident
    match incident.state if incident else "":
        case "AWAITING APPROVAL":
            return "a approves the fix · x rejects it · c tries the canary again"
        case "ESCALATED" | "ROLLED BACK":
            return "p chooses a fix or analyses again · w closes the incident"
        case "PROMOTED" | "RESOLVED":
            return "R takes the fix back"
        case _:
            return "the loop works on it"


def _place(model: Model) -> int:
    keys = list(model.incidents)
    return keys.index(model.incident.incident_id) + 1 if model.incident and len(keys) > 1 else 0


def _next_key(model: Model) -> list[Line]:
    if model.source is not None:
        return [(Span(" i injects a drift into the source, so that there is something to see.", "quiet"),)]
    return [(Span(" 7 shows the sources; s starts one.", "quiet"),)]
