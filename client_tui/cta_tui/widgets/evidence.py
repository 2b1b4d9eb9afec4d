"""What the cause rests on: symptoms, facts with their weight, the chain of whys, and the proof sheet of the fix."""

from __future__ import annotations

from cta_tui import ink
from cta_tui.ink import Drawing, Line, Span, named
from cta_tui.model import Model
from cta_tui.words import share


def draw(model: Model, width: int, _height: int) -> Drawing:
    """The report's evidence."""
    incident = model.incident
    report = model.reports.get(incident.incident_id) if incident else None
    if report is None:
        return Drawing(lines=((Span(" None yet.", "quiet"),),))
    lines: list[Line] = []
    lines += _notes("WHY CHAIN", [(f"{n}.", text, "", "") for n, text in enumerate(report.whys, 1)], width)
    lines += _notes("SEEN", [(each.name, each.text, share(each.weight), "") for each in report.symptoms], width)
    lines += _notes(
        "FACTS, WITH THEIR WEIGHT",
        [(each.name, each.text, f"{each.weight:+.1f}", "" if each.good else "bad") for each in report.evidence],
        width,
    )
    proof = [
        ("✓" if each.good else "×", f"{each.name}: {each.text}", "", "" if each.good else "bad")
        for each in report.proof
    ]
    lines += _notes("PROOF OF THE FIX", proof, width)
    return Drawing(lines=tuple(ink.fit(each, width) for each in lines))


def _notes(title: str, notes: list[tuple[str, str, str, str]], width: int) -> list[Line]:
    if not notes:
        return []
    lines: list[Line] = [(Span(f" {title}", "quiet strong"),)]
    for name, text, more, style in notes:
        lines += named(name, f"{text} ({more})" if more else text, width, style=style, column=6)
    return lines
