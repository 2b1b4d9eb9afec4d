"""Fields that exchanged their values: each fits the other's healthy values and not its own."""

from __future__ import annotations

from collections.abc import Sequence

from cta_core.adapter.steps import Swap
from cta_core.diagnosis.assemble import Part, is_below
from cta_core.diagnosis.fit import fit
from cta_core.diagnosis.symptoms import Finding
from cta_core.diagnosis.table import Table
from cta_core.diagnosis.views import View


def swapped(healthy: Table, drifted: Table, serious: Sequence[Finding]) -> list[tuple[Part, float]]:
    """Pairs of fields to swap, with the confidence in each."""
    found: list[tuple[Part, float]] = []
    suspects = [finding.path for finding in serious if finding.rule not in ("gone", "partly gone", "type")]
    used: set[str] = set()
    for one in suspects:
        best: tuple[float, str] | None = None
        for two in healthy.columns:
            if two == one or two in used or one in used or two not in drifted.columns or one not in drifted.columns:
                continue
            if one.count("*") != two.count("*"):
                continue
            if is_below(one, two) or is_below(two, one):
                continue
            gain = _gain(healthy, drifted, one, two)
            if gain is not None and (best is None or gain > best[0]):
                best = (gain, two)
        if best is not None:
            used.update((one, best[1]))
            found.append(
                (
                    Part(
                        targets=(one, best[1]),
                        sources=(one, best[1]),
                        move=False,
                        steps=(Swap(left=one, right=best[1]),),
                    ),
                    0.95,
                )
            )
    return found


def _gain(healthy: Table, drifted: Table, one: str, two: str) -> float | None:
    a, b = View.of(healthy.columns[one]), View.of(healthy.columns[two])
    x, y = View.of(drifted.columns[one]), View.of(drifted.columns[two])
    if a.kind != b.kind or x.kind != y.kind or a.kind not in ("number", "string") or a.kind != x.kind:
        return None
    cross_one, cross_two = fit(a, y), fit(b, x)
    if cross_one.conflicts or cross_two.conflicts or min(cross_one.score, cross_two.score) < 0.6:
        return None
    straight_one, straight_two = fit(a, x), fit(b, y)
    worse = [one for one in (straight_one, straight_two) if one.conflicts or one.score < 0.4]
    gain = cross_one.score + cross_two.score - straight_one.score - straight_two.score
    support = cross_one.support + cross_two.support - straight_one.support - straight_two.support
    if (len(worse) == 2 and gain > 0.6) or (len(worse) >= 1 and support > 2.0 and gain > 0.3):
        return gain + support
    return None
