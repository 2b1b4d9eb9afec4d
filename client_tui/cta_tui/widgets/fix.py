"""The proposed fix: the adapter in words, for which events it is, and what it does to a real one."""

from __future__ import annotations

from cta_tui import facts, ink, signs
from cta_tui.ink import Drawing, Line, Span, named
from cta_tui.model import Model
from cta_tui.widgets import changes
from cta_tui.words import count, short


def draw(model: Model, width: int, _height: int) -> Drawing:
    """The incident's adapter."""
    incident = model.incident
    if incident is None or not incident.adapter_id:
        report = model.reports.get(incident.incident_id) if incident else None
        lines: list[Line] = [(Span(" No fix is proposed.", "quiet"),)]
        if report is not None and report.fix:
            lines = [*named("nearly", report.fix, width, most=3), *test_case(report, width)]
        return Drawing(lines=tuple(lines))
    adapter = model.adapters.get(incident.adapter_id)
    if adapter is None:
        return Drawing(lines=((Span(f" {short(incident.adapter_id)} is on its way.", "quiet"),),))
    return Drawing(lines=tuple(ink.fit(each, width) for each in sheet(model, adapter, width)))


def sheet(model: Model, adapter: facts.AdapterFact, width: int) -> list[Line]:
    """An adapter: steps, guard, loss, and one event before and after."""
    sign = signs.sign_of(adapter.state)
    head = f"{short(adapter.adapter_id)}, {len(adapter.words)} typed step{'' if len(adapter.words) == 1 else 's'}"
    lines: list[Line] = [
        (
            Span(f" {head}  "),
            Span(f"{sign.sign} {sign.word}", sign.style),
            Span(f"  healed {count(adapter.healed)}" if adapter.healed else "", "quiet"),
        )
    ]
    for number, words in enumerate(adapter.words, 1):
        lines += named(f"step {number}", words, width, style="strong", most=3)
    if adapter.guard:
        lines += named("only if", ", and ".join(adapter.guard), width, style="quiet", most=3)
    lines += named("loses", adapter.loss or "nothing", width, style="bad" if adapter.loss else "quiet", most=2)
    trial = model.trials.get(adapter.adapter_id)
    report = model.reports.get(adapter.incident_id)
    if trial is not None:
        lines += changes.lines(trial.before, trial.after, width)
    elif report is not None:
        lines += test_case(report, width)
    return lines


def test_case(report: facts.ReportFact, width: int) -> list[Line]:
    """The report's masked event, where no recorded one is at hand."""
    if not report.before or not report.after:
        return []
    return changes.lines(report.before, report.after, width, titles=("BEFORE (masked)", "AFTER (masked)"))
