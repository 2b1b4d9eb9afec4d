"""Why it broke: the cause, how sure the analysis is, what it proposes field by field, and competing readings."""

from __future__ import annotations

from cta_tui import facts, ink
from cta_tui.ink import Drawing, Line, Span, named, wrap
from cta_tui.model import Model
from cta_tui.words import bar, count, share, span

METHODS = {
    "SIGNATURE": "remembered by its signature",
    "HEURISTIC": "found from names, types, values and relations",
    "LLM": "proposed by a language model, carried by the evidence",
}


def draw(model: Model, width: int, _height: int) -> Drawing:
    """The report of the incident in view."""
    incident = model.incident
    report = model.reports.get(incident.incident_id) if incident else None
    if incident is None:
        return Drawing(lines=((Span(" No incident.", "quiet"),),))
    if report is None:
        words = "Gathering drifted events." if incident.state == "DETECTED" else "No report yet."
        return Drawing(lines=((Span(f" {words}", "quiet"),),))
    lines = [*_cause(report, width), *_proposals(report, width), *_readings(report, width)]
    return Drawing(lines=tuple(ink.fit(each, width) for each in lines))


def _cause(report: facts.ReportFact, width: int) -> list[Line]:
    cells = max(min(width - 50, 20), 6)
    lines = named("cause", report.cause or "not found", width, style="strong", most=3)
    method = METHODS.get(report.method, "")
    if report.confidence:
        lines.append(
            (
                Span(" sure     ", "quiet"),
                Span(bar(report.confidence, cells), "good" if report.confidence >= 0.9 else "attention"),
                Span(f" {share(report.confidence)}", "strong"),
            )
        )
    if method:
        lines += named("how", method, width, style="quiet", most=2)
    looked = f"{count(report.drifted)} drifted events against {count(report.baseline)} healthy ones"
    where = f"{report.stage} {report.path}".strip()
    lines += named("where", f"{where}, from {looked} in {span(report.seconds)}", width, most=2)
    if report.question:
        lines += named("asks", report.question, width, style="attention", most=3)
    return lines


def _proposals(report: facts.ReportFact, width: int) -> list[Line]:
    lines: list[Line] = []
    for each in report.proposals:
        told = f"{each.target}  {each.words}"
        lines.append(
            (
                Span("  "),
                Span(bar(each.confidence, 8), "good" if each.confidence >= 0.9 else "attention"),
                Span(f" {share(each.confidence):>8}  "),
                Span(told),
            )
        )
        if each.runner_up:
            lines += [
                (Span(" " * 21), Span(text, "quiet")) for text in wrap(f"not {each.runner_up}", max(width - 22, 10))
            ]
        for veto in each.vetoes:
            lines.append((Span(" " * 21), Span(f"capped: {veto}", "attention")))
    return lines


def _readings(report: facts.ReportFact, width: int) -> list[Line]:
    if not report.readings:
        return []
    lines: list[Line] = [(Span(" SEVERAL READINGS, p chooses one", "attention strong"),)]
    for number, each in enumerate(report.readings, 1):
        lines += named(f"{number}.", f"{each.label} ({share(each.confidence)})", width)
        if each.before:
            lines += named("", f"{each.before} → {each.after}", width, style="quiet", most=2)
    return lines
