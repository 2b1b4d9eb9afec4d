"""Rescaling that depends on another field: one factor per currency, or for the new version of the producer only.

Where one factor for all is refuted, each label of a small unchanged field is looked at by itself. A factor that
follows a
label becomes a table or a condition; a factor that follows nothing is left to a person.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.steps import AnyStep, Scale, ScaleRow
from cta_core.diagnosis.assemble import Part
from cta_core.diagnosis.candidates.scale import LIBRARY, Factor
from cta_core.diagnosis.relations import by_row
from cta_core.diagnosis.table import Table
from cta_core.diagnosis.views import REFUSED, Floats, View, kolmogorov, kolmogorov_noise

FEWEST = 12
"""Values of a label from which its factor is read."""

ONE = Factor(1.0, 1.0, 0.0, "as it is", True)


class Stratified(msgspec.Struct, frozen=True, kw_only=True):
    """A conditional rescaling."""

    part: Part
    confidence: float
    facts: tuple[str, ...]


def numbers_by_row(view: View, count: int) -> Floats | None:
    """The numbers by event, NaN where there is none."""
    values = by_row(view, count)
    if values is None:
        return None
    return np.array([float(v) if type(v) is int or type(v) is float else np.nan for v in values], dtype=np.float64)


def stratified(path: str, healthy: Table, drifted: Table, changed: set[str]) -> Stratified | None:
    """One factor per label of an unchanged field that brings the numbers at `path` back; None where none does."""
    target, source = View.of(healthy.columns[path]), View.of(drifted.columns[path])
    before, now = numbers_by_row(target, healthy.count), numbers_by_row(source, drifted.count)
    if before is None or now is None:
        return None
    for other, column in healthy.columns.items():
        if (
            other == path
            or "*" in other
            or other not in drifted.columns
            or (other in changed and column.values and type(column.values[0]) is str)
        ):
            continue
        label, here = View.of(column), View.of(drifted.columns[other])
        if not (label.labels or len(label.counts) == 1) or not here.labels or len(here.labels) > 12:
            continue
        left, right = by_row(label, healthy.count), by_row(here, drifted.count)
        if left is None or right is None:
            continue
        found = _table(target, before, left, now, right)
        if found is None:
            continue
        return _written(path, other, found, target)
    return None


def _table(
    target: View, before: Floats, left: Sequence[Any], now: Floats, right: Sequence[Any]
) -> dict[Any, Factor] | None:
    """The factor of each drifted label; None if some label has none, or if all are the same or nothing changes."""
    found: dict[Any, Factor] = {}
    labels = {
        value for value in right if value is not REFUSED and value is not None and not isinstance(value, (dict, list))
    }
    everything = before[~np.isnan(before)]
    for label in labels:
        mine = np.array([type(v) is type(label) and v == label for v in right]) & ~np.isnan(now)
        known = np.array([type(v) is type(label) and v == label for v in left]) & ~np.isnan(before)
        values = now[mine]
        base = before[known] if known.sum() >= FEWEST else everything
        if known.sum() < FEWEST and known.sum() > 0:
            return None
        if len(values) < FEWEST:
            return None
        factor = _factor(base, values, target)
        if factor is None:
            return None
        found[label] = factor
    if len(found) < 2 or len({factor.size for factor in found.values()}) < 2:
        return None
    return found


def _factor(before: Floats, values: Floats, target: View) -> Factor | None:
    """The one power of ten that fits a stratum: clearly better than its neighbours and than leaving the values
    alone.
    """
    a = np.sort(before)
    noise = kolmogorov_noise(len(a), len(values))
    options = [ONE, *(factor for factor in LIBRARY if factor.decimal)]
    ranked = sorted(
        ((kolmogorov(a, np.sort(factor.of(values))), factor) for factor in options), key=lambda item: item[0]
    )
    (best, factor), (second, _) = ranked[0], ranked[1]
    if best > noise + 0.12 or second - best < 0.3:
        return None
    places = target.most_decimals
    grid = factor.of(values) * 10.0**places
    if np.mean(np.abs(grid - np.round(grid)) < 1e-6) < 0.99:
        return None
    return factor


def _written(path: str, other: str, table: dict[Any, Factor], target: View) -> Stratified:
    plain = [label for label, factor in table.items() if factor.size == 1.0]
    sizes = {factor.size for factor in table.values() if factor.size != 1.0}
    steps: tuple[AnyStep, ...]
    if plain and len(sizes) == 1:
        factor = next(factor for factor in table.values() if factor.size != 1.0)
        affected = tuple(sorted((label for label in table if label not in plain), key=str))
        steps = (
            Scale(
                path=path,
                numerator=factor.numerator,
                denominator=factor.denominator,
                decimals=target.most_decimals,
                when=(Condition(path=other, test=Test.EQUALS, values=affected),),
            ),
        )
    else:
        rows = tuple(
            ScaleRow(label=label, numerator=factor.numerator, denominator=factor.denominator)
            for label, factor in sorted(table.items(), key=lambda item: str(item[0]))
        )
        steps = (Scale(path=path, by=other, table=rows, decimals=target.most_decimals),)
    words = ", ".join(
        f"{label}: {factor.words}" for label, factor in sorted(table.items(), key=lambda item: str(item[0]))
    )
    spread = math.log10(max(f.size for f in table.values()) / min(f.size for f in table.values()))
    return Stratified(
        part=Part(targets=(path,), sources=(path,), move=False, steps=steps),
        confidence=0.95 if spread >= 1 else 0.5,
        facts=(f"the factor follows {other} ({words}) and fits in every one of its strata",),
    )
