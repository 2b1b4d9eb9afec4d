"""The canary: how far it is, each claim against its limit, the verdict, and what decided it."""

from __future__ import annotations

from collections.abc import Sequence

from cta_tui import facts, ink, signs
from cta_tui.ink import Drawing, Line, Span, named, pad
from cta_tui.model import Model
from cta_tui.words import bar, count, share, span


def draw(model: Model, width: int, _height: int) -> Drawing:
    """The last canary of the incident's adapter."""
    incident = model.incident
    canary = model.canaries.get(incident.adapter_id) if incident and incident.adapter_id else None
    if canary is None:
        waits = incident is not None and incident.state == "CANARY"
        words = " Waiting for drifted events." if waits else " Not run yet. c runs it: it changes nothing."
        return Drawing(lines=((Span(words, "quiet"),),))
    return Drawing(lines=tuple(ink.fit(each, width) for each in sheet(canary, width)))


def sheet(canary: facts.CanaryFact, width: int) -> list[Line]:
    """Progress, claims, verdict."""
    cells = max(min(width - 44, 40), 8)
    part = min(canary.drifted / canary.needed, 1.0) if canary.needed else 1.0
    if canary.verdict == "FAIL":
        # What refutes a fix is not mended by more events.
        progress: Line = (Span(f"{count(canary.drifted)} drifted"),)
    else:
        progress = (
            Span(f"{count(canary.drifted)} of {count(canary.needed)} needed "),
            Span(bar(part, cells), "good" if part >= 1 else "attention"),
        )
    lines: list[Line] = [
        (Span(" replayed ", "quiet"), *progress, Span(f" and {count(canary.healthy)} healthy", "quiet"))
    ]
    lines += [
        _claim(
            "fail", f"{count(canary.failed)} of {count(canary.drifted)}", share(canary.error_rate), canary.failed == 0
        ),
        _claim("at most", "95 % upper bound of it", share(canary.error_bound), canary.verdict == "PASS" or None),
        _claim("harmed", f"of {count(canary.healthy)} healthy events", count(canary.harmed), canary.harmed == 0),
        _claim("p95", "gate and stages, one event", span(canary.p95), None),
    ]
    if canary.parity_text or canary.verdict:
        words = canary.parity_text or (
            "healed values belong to the healthy profile" if canary.parity else "values differ"
        )
        lines += named(
            "parity", f"{'✓' if canary.parity else '×'} {words}", width, style="" if canary.parity else "bad", most=3
        )
    sign = signs.sign_of(canary.verdict) if canary.verdict else signs.Sign("▶", "running", "attention")
    lines.append(
        (
            Span(" verdict  ", "quiet"),
            Span(f" {sign.sign} {sign.word.upper()} ", f"{sign.style} strong reverse"),
            Span(f" after {span(canary.seconds)}" if canary.seconds else "", "quiet"),
        )
    )
    for place, reason in enumerate(each for each in canary.reasons if each != canary.parity_text):
        lines += named("decided" if place == 0 else "", reason, width, most=3)
    lines += _failures(canary.failures, width)
    return lines


def _claim(name: str, what: str, value: str, holds: bool | None) -> Line:
    sign, style = (" ", "quiet") if holds is None else (("✓", "good") if holds else ("×", "bad"))
    return (Span(f" {name:<8} ", "quiet"), pad(Span(value, "strong"), 9), Span(f" {sign} ", style), Span(what, "quiet"))


def _failures(failures: Sequence[facts.NoteFact], width: int) -> list[Line]:
    lines: list[Line] = []
    for each in failures[:3]:
        lines += named("failed", f"{each.name}: {each.text} ({count(each.weight)} events)", width, style="bad", most=2)
    return lines
